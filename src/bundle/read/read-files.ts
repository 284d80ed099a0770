import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { Readable } from "node:stream";
import type { FilePart, Location } from "../../core/bundle/scan.ts";
import { unreadable } from "./read-error.ts";

/** Reads of files at any offset. What was opened last stays open. Errors are BundleErrors. */
export interface FileReader {
  /** Fewer bytes where the file ends. */
  read(file: Pick<Location, "path" | "parts">, offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

export function createFileReader(): FileReader {
  let current: { readonly path: string; readonly handle: FileHandle } | undefined;
  const close = async () => {
    const { handle } = current ?? {};
    current = undefined;
    await handle?.close();
  };
  const readOne = async (path: string, offset: number, length: number): Promise<Uint8Array> => {
    try {
      if (current?.path !== path) {
        await close();
        current = { path, handle: await open(path) };
      }
      return await readFully(current.handle, offset, length);
    } catch (error) {
      throw unreadable(path, error);
    }
  };
  return {
    async read({ path, parts }, offset, length) {
      if (parts === undefined) return readOne(path, offset, length);
      const pieces: Uint8Array[] = [];
      for (const piece of piecesOf(parts, offset, offset + length))
        pieces.push(await readOne(piece.path, piece.start, piece.end - piece.start));
      return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
    },
    close,
  };
}

/** Which bytes of which parts a range is made of. */
function piecesOf(parts: readonly FilePart[], start: number, end: number) {
  let before = 0;
  return parts.flatMap(({ path, size }) => {
    const piece = { path, start: Math.max(0, start - before), end: Math.min(size, end - before) };
    before += size;
    return piece.end > piece.start ? [piece] : [];
  });
}

async function readFully(handle: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = Buffer.alloc(length);
  for (let have = 0; have < length; ) {
    const { bytesRead } = await handle.read(bytes, have, length - have, offset + have);
    if (bytesRead === 0) return bytes.subarray(0, have);
    have += bytesRead;
  }
  return bytes;
}

/** Bytes of a file from `start` up to and without `end`; undefined: to its end. */
export function streamFile({ path, offset, parts }: Location, start: number, end?: number): Readable {
  if (end !== undefined && end <= start) return Readable.from([]);
  if (parts !== undefined)
    return Readable.from(streamParts(parts, offset + start, offset + (end ?? Number.POSITIVE_INFINITY)), {
      objectMode: false,
    });
  const from = offset + start;
  // A pipe has no places to start at, not even the first.
  const range = { ...(from > 0 && { start: from }), ...(end !== undefined && { end: offset + end - 1 }) };
  return createReadStream(path, { ...range, highWaterMark: 1024 * 1024 });
}

async function* streamParts(
  parts: readonly FilePart[],
  start: number,
  end: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (const piece of piecesOf(parts, start, end))
    yield* streamFile({ path: piece.path, offset: 0 }, piece.start, piece.end) as AsyncIterable<Uint8Array>;
}
