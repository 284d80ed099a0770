import { statSync } from "node:fs";
import { findParts } from "../bundle/read/find-parts.ts";
import { type OpenedBundle, type OpenOptions, openBundle } from "../bundle/read/open-bundle.ts";

type Note = (event: { kind: "read"; bytes: number; total: number | undefined }) => void;

/** Opens bundles one after the other, and tells how much of all of them has been read. Throws BundleError. */
export async function readBundles(
  sources: readonly string[],
  note: Note,
  options: Pick<OpenOptions, "take" | "signal">,
): Promise<readonly OpenedBundle[]> {
  const sizes = await Promise.all(sources.map(sizeOf));
  const total = sizes.includes(undefined)
    ? undefined
    : sizes.reduce<number>((sum, size = 0) => sum + size, 0);
  const found: OpenedBundle[] = [];
  let before = 0;
  for (const [at, source] of sources.entries()) {
    let read = 0;
    const onProgress = (done: number): void => {
      read = done;
      note({ kind: "read", bytes: before + done, total });
    };
    found.push(await openBundle(source, { ...options, stdin: process.stdin, hashAll: false, onProgress }));
    before += Math.max(read, sizes[at] ?? 0);
  }
  return found;
}

async function sizeOf(source: string): Promise<number | undefined> {
  if (source === "-") return undefined;
  const parted = await findParts(source);
  if (parted !== undefined) return parted.size;
  const stats = statSync(source, { throwIfNoEntry: false });
  return stats?.isFile() === true ? stats.size : undefined;
}
