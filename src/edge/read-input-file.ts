import { constants, type Stats } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import type { Issue } from "../core/issue.ts";
import { type Lookup, tracePath } from "./trace-path.ts";

export interface ReadInputOptions {
  /** Put before the path; "" for none. */
  readonly root: string;
  /**
   * `owner`: the file, each link and each directory on the way must belong to root or to the user of this
   * process, and nobody else may write them. `anyone`: no such check, for files that an operator only looks at.
   */
  readonly trust: "owner" | "anyone";
  readonly maxBytes: number;
}

export type ReadInputResult =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly issue: Issue };

/**
 * Reads one regular file that people or programs hand to us, `path` absolute. Links are followed, as Kubernetes
 * mounts are made of them; never blocks on a pipe, never reads more than `maxBytes`. Never rejects.
 */
export async function readInputFile(path: string, options: ReadInputOptions): Promise<ReadInputResult> {
  try {
    return await traceAndRead(path, options);
  } catch (error) {
    return refuse(path, "file-unreadable", `cannot be read: ${(error as Error).message}`, "make it readable");
  }
}

async function traceAndRead(path: string, options: ReadInputOptions): Promise<ReadInputResult> {
  const { lookups, real } = await tracePath(path, options.root);
  if (options.trust === "owner") {
    const found = distrustOnWay(lookups);
    if (found !== undefined) return refuse(path, "file-untrusted", found.message, found.fix);
  }
  if (real === undefined) {
    const missing = lookups.at(-1);
    const where = missing === undefined ? path : join(missing.directory, missing.name);
    return refuse(path, "file-missing", `there is no ${where}`, "create it, or correct the path");
  }
  if (!real.stats.isFile()) return notAFile(path, real.stats);
  // O_NONBLOCK: a pipe swapped in since then must not hang us.
  const file = await open(real.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    return await readOpenFile(file, path, options);
  } finally {
    await file.close();
  }
}

async function readOpenFile(
  file: FileHandle,
  path: string,
  { trust, maxBytes }: ReadInputOptions,
): Promise<ReadInputResult> {
  const stats = await file.stat();
  if (!stats.isFile()) return notAFile(path, stats);
  const found = trust === "owner" ? distrustStats(path, stats) : undefined;
  if (found !== undefined) return refuse(path, "file-untrusted", found.message, found.fix);
  const bytes = await readAtMost(file, maxBytes + 1, stats.size);
  if (bytes.length <= maxBytes) return { ok: true, bytes };
  const size = `larger than ${formatBytes(maxBytes)}, so it is rejected whole`;
  return refuse(path, "file-too-large", size, "make it smaller, or split it into several files");
}

async function readAtMost(file: FileHandle, limit: number, size: number): Promise<Uint8Array> {
  const buffer = Buffer.alloc(Math.min(limit, size + 1));
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return buffer.subarray(0, length);
}

interface Distrust {
  readonly message: string;
  readonly fix: string;
}

/**
 * What on the way to a path, or at its end, somebody else than root or `ownUid` could change; undefined: nothing. What is
 * missing cannot be distrusted.
 */
export async function findDistrust(path: string, root: string, ownUid: number): Promise<string | undefined> {
  return distrustOnWay((await tracePath(path, root)).lookups, ownUid)?.message;
}

/** The first on the way to a path, or at its end, that somebody else could change. */
export function distrustOnWay(lookups: readonly Lookup[], ownUid?: number): Distrust | undefined {
  for (const { directory, name, stats } of lookups) {
    const found = stats && distrustStats(join(directory, name), stats, ownUid);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Whether somebody else than root or `ownUid` could change this one file, link or directory. */
function distrustStats(path: string, stats: Stats, ownUid = process.getuid?.() ?? 0): Distrust | undefined {
  const consequence = "whoever can change it chooses where this node's images come from, so it is refused";
  if (stats.uid !== 0 && stats.uid !== ownUid) {
    return { message: `${path} belongs to user ${stats.uid}: ${consequence}`, fix: `chown root ${path}` };
  }
  // Mode bits of links mean nothing. In a sticky directory nobody can replace what belongs to others.
  const isProtected = stats.isSymbolicLink() || (stats.isDirectory() && (stats.mode & 0o1000) !== 0);
  if (isProtected || (stats.mode & 0o022) === 0) return undefined;
  const mode = (stats.mode & 0o7777).toString(8).padStart(4, "0");
  const message = `${path} can be written by users other than its owner (mode ${mode}): ${consequence}`;
  return { message, fix: `chmod go-w ${path}` };
}

function notAFile(path: string, stats: Stats): ReadInputResult {
  const kind = stats.isDirectory() ? "a directory" : "a pipe, socket or device";
  return refuse(path, "file-kind", `this is ${kind}, not a file`, "give the path of a regular file");
}

function refuse(path: string, code: string, message: string, fix: string): ReadInputResult {
  return {
    ok: false,
    issue: { code, severity: "error", at: { file: path, line: 1, column: 1 }, message, fix },
  };
}

function formatBytes(bytes: number): string {
  const mebibytes = bytes / 2 ** 20;
  return Number.isInteger(mebibytes) ? `${mebibytes} MiB` : `${bytes} bytes`;
}
