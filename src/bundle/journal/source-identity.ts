import { open, stat } from "node:fs/promises";
import { createDigester } from "../read/digest-stream.ts";

const SAMPLE = 64 * 1024;

/** What tells a file from others and from what it was before, without reading all of it. Undefined: it is no file. */
export async function sourceIdentity(path: string): Promise<string | undefined> {
  // A pipe is not opened: that waits for whoever writes to it.
  const isFile = (await stat(path).catch(() => undefined))?.isFile() === true;
  const file = isFile ? await open(path).catch(() => undefined) : undefined;
  if (file === undefined) return undefined;
  try {
    const stats = await file.stat();
    const digester = createDigester();
    digester.update(Buffer.from(`${stats.size} ${stats.mtimeMs}\n`));
    for (const at of [0, Math.max(0, stats.size - SAMPLE)]) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(SAMPLE), 0, SAMPLE, at);
      digester.update(buffer.subarray(0, bytesRead));
    }
    return digester.digest();
  } finally {
    await file.close();
  }
}
