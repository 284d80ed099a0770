import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open, readdir, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { partName } from "../../core/bundle/group-sources.ts";
import { isRunning } from "../is-running.ts";
import { unwritable, WriteError } from "./write-error.ts";

/** Where a bundle is written to. */
export interface BundleOutput {
  write(chunk: Uint8Array): Promise<void>;
  /** Puts it in its place, whole, with its checksums beside. */
  publish(): Promise<WrittenBundle>;
  /** Takes away what has been written. */
  abandon(): Promise<void>;
}

export interface WrittenBundle {
  readonly files: readonly { readonly path: string; readonly size: number; readonly sha256: string }[];
  /** The file with the checksums, as sha256sum(1) has it; undefined: there is none. */
  readonly checksums: string | undefined;
}

interface Part {
  readonly path: string;
  readonly temporary: string;
  readonly handle: FileHandle;
  readonly hash: Hash;
  size: number;
}

/** Written at once. */
const BATCH_BYTES = 1024 * 1024;
/** Of one writev(2). */
const BATCH_CHUNKS = 512;
export const MOST_PARTS = 1000;

/**
 * Files that nobody sees under their names before all is there: they are written beside, under names that end in
 * `.part` and the process, and renamed in the end, the first one last. Errors are WriteErrors.
 *
 * With `splitBytes` the bundle is `PATH.000`, `PATH.001`, …, each of that size but the last.
 */
export function createFileOutput(path: string, splitBytes: number | undefined): BundleOutput {
  const parts: Part[] = [];
  let batch: Uint8Array[] = [];
  let batched = 0;

  const begin = async (): Promise<Part> => {
    if (parts.length === 0) await sweep(path);
    if (parts.length >= MOST_PARTS)
      throw unwritable(path, new Error(`more than ${MOST_PARTS} parts; add a larger --split-size`));
    const name = splitBytes === undefined ? path : partName(path, parts.length);
    const temporary = `${name}.part${process.pid}`;
    const part = {
      path: name,
      temporary,
      handle: await open(temporary, "wx", 0o644),
      hash: createHash("sha256"),
      size: 0,
    };
    parts.push(part);
    return part;
  };
  const flushTo = async (part: Part): Promise<void> => {
    const chunks = batch;
    batch = [];
    batched = 0;
    for (const chunk of chunks) part.hash.update(chunk);
    await writeAll(part.handle, chunks);
  };
  const flush = async (): Promise<void> => {
    const part = parts.at(-1);
    if (part !== undefined && batched > 0) await flushTo(part);
  };
  const write = async (chunk: Uint8Array): Promise<void> => {
    for (let rest = chunk; rest.length > 0; ) {
      let part = parts.at(-1);
      if (part === undefined || part.size === splitBytes) {
        await flush();
        part = await begin();
      }
      const piece = rest.subarray(0, (splitBytes ?? Number.POSITIVE_INFINITY) - part.size);
      rest = rest.subarray(piece.length);
      part.size += piece.length;
      batch.push(piece);
      batched += piece.length;
      if (batched >= BATCH_BYTES || batch.length >= BATCH_CHUNKS) await flushTo(part);
    }
  };
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw unwritable(parts.at(-1)?.path ?? path, error);
    }
  };
  return {
    write: (chunk) => guarded(() => write(chunk)),
    publish: () =>
      guarded(async () => {
        await flush();
        for (const { handle } of parts) {
          await handle.sync();
          await handle.close();
        }
        return putInPlace(path, parts);
      }),
    async abandon() {
      for (const { handle, temporary } of parts) {
        await handle.close().catch(() => {});
        await rm(temporary, { force: true });
      }
      await rm(temporarySums(path), { force: true });
    },
  };
}

/**
 * Where a bundle of that name really goes: what is there is replaced, the file behind a link too, but never a device or
 * a folder. Throws WriteError.
 */
export async function findOutputPlace(path: string): Promise<string> {
  const place = await realpath(path).catch(() => path);
  const there = await stat(place).catch(() => undefined);
  if (there === undefined || there.isFile()) return place;
  throw new WriteError(
    there.isDirectory()
      ? `${path} is a folder: name a file in it`
      : `${path} is no file: -o - writes to standard output, which can lead there`,
  );
}

async function writeAll(handle: FileHandle, chunks: readonly Uint8Array[]): Promise<void> {
  for (let rest = chunks; rest.length > 0; ) {
    let { bytesWritten: written } = await handle.writev(rest);
    const next: Uint8Array[] = [];
    for (const chunk of rest) {
      if (written < chunk.length) next.push(chunk.subarray(written));
      written = Math.max(0, written - chunk.length);
    }
    rest = next;
  }
}

function temporarySums(path: string): string {
  return `${path}.sha256.part${process.pid}`;
}

/** What stood there goes before, so that never an old part belongs to new ones; the first part comes last. */
async function putInPlace(path: string, parts: readonly Part[]): Promise<WrittenBundle> {
  const checksums = `${path}.sha256`;
  const files = parts.map(({ path: name, size, hash }) => ({ path: name, size, sha256: hash.digest("hex") }));
  const lines = files.map(({ path: name, sha256 }) => `${sha256}  ${basename(name)}\n`).join("");
  const temporary = temporarySums(path);
  await writeFile(temporary, lines);
  await rm(checksums, { force: true });
  const names = new Set(files.map(({ path: name }) => name));
  for (const old of await filesBeside(path, /^(?:\.\d{3})?$/))
    if (!names.has(old)) await rm(old, { force: true });
  for (const { temporary: from, path: to } of [...parts].reverse()) await rename(from, to);
  await rename(temporary, checksums);
  const folder = await open(dirname(path));
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
  return { files, checksums };
}

/** What a dump to this place has left that was killed. */
async function sweep(path: string): Promise<void> {
  for (const file of await filesBeside(path, /^(?:\.\d{3}|\.sha256)?\.part\d+$/)) {
    const pid = Number(/\d+$/.exec(file)?.[0]);
    if (pid !== process.pid && isRunning(pid)) continue;
    await rm(file, { force: true });
  }
}

/** Those whose names go on so. Throws what the file system throws. */
export async function filesBeside(path: string, ending: RegExp): Promise<readonly string[]> {
  const name = basename(path);
  const all = await readdir(dirname(path));
  return all
    .filter((one) => one.startsWith(name) && ending.test(one.slice(name.length)))
    .map((one) => join(dirname(path), one));
}
