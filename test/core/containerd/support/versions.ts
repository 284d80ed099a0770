import assert from "node:assert/strict";
import { type ContainerdVersion, parseContainerdVersion } from "../../../../src/core/containerd/version.ts";

export function version(text: string): ContainerdVersion {
  const parsed = parseContainerdVersion(text);
  assert.ok(parsed, `not a version: ${text}`);
  return parsed;
}

/** The releases of the lab. */
export const MEASURED = ["1.6.20", "1.7.24", "2.1.9"] as const;
/** One release on each side of every change in how hosts.toml is read. */
export const EVERY = [
  "1.6.0",
  "1.6.16",
  "1.6.20",
  "1.6.25",
  "1.6.39",
  "1.7.0",
  "1.7.7",
  "1.7.8",
  "1.7.24",
  "1.7.31",
  "1.7.34",
  "2.0.0",
  "2.0.11",
  "2.1.9",
  "2.2.0",
  "2.2.7",
  "2.3.4",
  "2.4.0-beta.0",
] as const;
