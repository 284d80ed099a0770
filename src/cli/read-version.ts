import { readFileSync } from "node:fs";

/** The version in package.json, the only place that has it. In the package, where it stands is written in here. */
export function readVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
