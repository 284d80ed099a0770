import { type TarEnd, type TarEntry, walkTar } from "../../src/core/bundle/tar/walk-tar.ts";

/** Walks an archive in memory. */
export function walkBytes(archive: Uint8Array): {
  readonly entries: readonly TarEntry[];
  readonly end: TarEnd;
} {
  const walk = walkTar("a.tar");
  const entries: TarEntry[] = [];
  for (let step = walk.next(undefined); ; ) {
    if (step.done === true) return { entries, end: step.value };
    if (step.value.step === "entry") {
      entries.push(step.value.entry);
      step = walk.next(undefined);
    } else {
      const { at, length } = step.value;
      step = walk.next(archive.subarray(at, at + length));
    }
  }
}
