import { BundleError } from "../../core/bundle/bundle-error.ts";
import { collectScan, type EntryBudget } from "../../core/bundle/collect-scan.ts";
import type { Location, Scan } from "../../core/bundle/scan.ts";
import { nameEntry, walkTar } from "../../core/bundle/tar/walk-tar.ts";
import type { FileReader } from "./read-files.ts";

/** Goes through the headers of an archive that is at rest, from one to the next. Throws BundleError. */
export async function scanFile(
  files: FileReader,
  file: Location,
  size: number,
  name: string,
  budget: EntryBudget,
): Promise<Scan> {
  const { offset } = file;
  const collector = collectScan(name, budget);
  const walk = walkTar(name);
  for (let step = walk.next(undefined); ; ) {
    if (step.done === true) return collector.finish(step.value.isMarked);
    if (step.value.step === "read") {
      const { at, length } = step.value;
      const there = Math.max(0, Math.min(length, size - at));
      step = walk.next(await files.read(file, offset + at, there));
      continue;
    }
    const { entry } = step.value;
    if (entry.contentAt + entry.size > size)
      throw new BundleError(
        "damaged",
        `${name}, ${nameEntry(entry.name, entry.offset)}: cut off: it has ${entry.size} bytes, and the archive ends after ${Math.max(0, size - entry.contentAt)} of them`,
      );
    collector.add(entry, { ...file, offset: offset + entry.contentAt });
    step = walk.next(undefined);
  }
}
