import { readFile } from "node:fs/promises";
import type { TextFile } from "../cli/text-file.ts";
import { readStandardInput } from "./read-standard-input.ts";

const MAX_BYTES = 4 * 1024 * 1024;

/** A list that somebody has written; `-` is standard input. */
export async function readTextFile(path: string): Promise<TextFile> {
  try {
    const text = path === "-" ? await readStandardInput(MAX_BYTES) : await readSmall(path);
    return text === undefined ? { ok: false, why: "it is too large for such a list" } : { ok: true, text };
  } catch (error) {
    return { ok: false, why: WORDS[(error as NodeJS.ErrnoException).code ?? ""] ?? (error as Error).message };
  }
}

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  ENOTDIR: "there is no such file",
  EACCES: "this user may not read it",
  EISDIR: "it is a folder: name the file",
};

async function readSmall(path: string): Promise<string | undefined> {
  const bytes = await readFile(path);
  return bytes.length > MAX_BYTES ? undefined : bytes.toString("utf8");
}
