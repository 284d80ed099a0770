import { malformed } from "./serve-verbs.ts";
import type { Request } from "./wire.ts";

type Args = Request["args"];

const MAX_PATH = 4096;

export function textIn(args: Args, name: string, max = MAX_PATH): string {
  const value = args[name];
  if (typeof value !== "string" || value.length > max)
    throw malformed(`${name} is no text of ${max} characters at most`);
  return value;
}

export function pathIn(args: Args, name = "path"): string {
  const path = textIn(args, name);
  if (!isCleanPath(path)) throw malformed(`${name} is no absolute path without . and ..`);
  return path;
}

export function bytesIn(args: Args, name: string): Uint8Array {
  const value = args[name];
  if (!(value instanceof Uint8Array)) throw malformed(`${name} are no bytes`);
  return value;
}

/** `null`: there is to be no file. */
export function digestIn(args: Args, name: string): string | null {
  const value = args[name];
  if (value === null || (typeof value === "string" && /^[0-9a-f]{64}$/.test(value))) return value;
  throw malformed(`${name} is no digest`);
}

export function textsIn(args: Args, name: string, most: number): readonly string[] {
  const value = args[name];
  const isList = Array.isArray(value) && value.length <= most;
  if (!isList || !value.every((item) => typeof item === "string" && item.length <= MAX_PATH))
    throw malformed(`${name} is no list of ${most} texts at most`);
  return value as readonly string[];
}

function isCleanPath(path: string): boolean {
  const parts = path.split("/").slice(1);
  return (
    path.startsWith("/") && !path.includes("\0") && parts.every((part) => !["", ".", ".."].includes(part))
  );
}
