import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { Readable } from "node:stream";
import type { Location } from "../../core/bundle/scan.ts";
import { unreadable } from "./read-error.ts";

/** Reads of files at any offset. What was opened last stays open. Errors are BundleErrors. */
export interface FileReader {
  /** Fewer bytes where the file ends. */
  read(path: string, offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

export function createFileReader(): FileReader {
  let current: { readonly path: string; readonly handle: FileHandle } | undefined;
  const close = async () => {
    const { handle } = current ?? {};
    current = undefined;
    await handle?.close();
  };
  return {
    async read(path, offset, length) {
      try {
        if (current?.path !== path) {
          await close();
          current = { path, handle: await open(path) };
        }
        return await readFully(current.handle, offset, length);
      } catch (error) {
        throw unreadable(path, error);
      }
    },
    close,
  };
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
export function streamFile({ path, offset }: Location, start: number, end?: number): Readable {
  if (end !== undefined && end <= start) return Readable.from([]);
  const range = end === undefined ? {} : { end: offset + end - 1 };
  return createReadStream(path, { start: offset + start, ...range, highWaterMark: 1024 * 1024 });
}
