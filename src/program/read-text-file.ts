import { readFile } from "node:fs/promises";
import { readStandardInput } from "./read-standard-input.ts";

const MAX_BYTES = 4 * 1024 * 1024;

/** A file of the user's; `-` is standard input. Undefined: there is no such file, or it is larger than such a list. */
export async function readTextFile(path: string): Promise<string | undefined> {
  if (path === "-") return readStandardInput(MAX_BYTES);
  const bytes = await readFile(path).catch(() => undefined);
  return bytes === undefined || bytes.length > MAX_BYTES ? undefined : bytes.toString("utf8");
}
