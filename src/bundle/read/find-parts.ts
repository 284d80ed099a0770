import { readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { BundleError } from "../../core/bundle/bundle-error.ts";
import { baseOfPart, partName } from "../../core/bundle/group-sources.ts";
import { recogniseNature } from "../../core/bundle/recognise-nature.ts";
import type { FilePart } from "../../core/bundle/scan.ts";
import { BLOCK } from "../../core/bundle/tar/parse-header.ts";
import { unreadable } from "./read-error.ts";
import type { FileReader } from "./read-files.ts";

/** A bundle in several files. */
export interface PartedFile {
  /** Their common name. */
  readonly base: string;
  readonly parts: readonly FilePart[];
  readonly size: number;
}

/**
 * The files of a bundle in parts, of which `source` is one, or their common name. Undefined: it is none. Throws
 * BundleError when one is missing, or is not what it was when it was written.
 */
export async function findParts(source: string): Promise<PartedFile | undefined> {
  const isThere = await stat(source).then(
    () => true,
    () => false,
  );
  const base = isThere ? baseOfPart(source) : source;
  if (base === undefined) return undefined;
  const there = await numbersOf(base);
  const listed = await listedParts(base);
  if (there.length === 0 || (isThere && there.length < 2 && listed === 0 && there[0] !== 0)) return undefined;
  const count = Math.max(listed, (there.at(-1) ?? 0) + 1);
  const missing = Array.from({ length: count }, (_, at) => at).filter((at) => !there.includes(at));
  if (missing.length > 0) {
    const names = missing.slice(0, 5).map((at) => basename(partName(base, at)));
    const more = missing.length > 5 ? ` and ${missing.length - 5} more` : "";
    throw new BundleError(
      "damaged",
      `${base}: of its ${count} parts there are missing: ${names.join(", ")}${more}`,
    );
  }
  const parts = await Promise.all(there.map((at) => statPart(partName(base, at))));
  const [first] = parts;
  const odd = parts.find(({ size }, at) =>
    at < parts.length - 1 ? size !== first?.size : size > (first?.size ?? 0),
  );
  if (odd !== undefined)
    throw new BundleError(
      "damaged",
      `${odd.path}: ${odd.size} bytes, and the first part has ${first?.size}: it is cut off, or has the name of another part`,
    );
  return { base, parts, size: parts.reduce((sum, { size }) => sum + size, 0) };
}

/**
 * The files of a bundle in parts that a folder holds, of which `path` is one. Many a file ends with digits: these are
 * parts where the first is there and begins as an archive does, or checksums tell of several. Throws as `findParts` does.
 */
export async function findPartsInFolder(path: string, files: FileReader): Promise<PartedFile | undefined> {
  const base = baseOfPart(path);
  if (base === undefined) return undefined;
  const isListed = (await listedParts(base)) > 0;
  const first = partName(base, 0);
  const isArchive = async (): Promise<boolean> => {
    const isThere = await stat(first).then(
      (stats) => stats.isFile(),
      () => false,
    );
    return isThere && recogniseNature(await files.read({ path: first }, 0, BLOCK)) !== "other";
  };
  return isListed || (await isArchive()) ? findParts(path) : undefined;
}

async function statPart(path: string): Promise<FilePart> {
  const { size } = await stat(path).catch((error) => {
    throw unreadable(path, error);
  });
  return { path, size };
}

/** In their order. */
async function numbersOf(base: string): Promise<readonly number[]> {
  const names = await readdir(dirname(base)).catch(() => []);
  return names
    .filter((name) => baseOfPart(name) === basename(base))
    .map((name) => Number(name.slice(-3)))
    .sort((a, b) => a - b);
}

/** A thousand lines at most. */
const MAX_CHECKSUMS = 4 * 1024 * 1024;

/** How many parts the checksums beside are for; 0: there are none. */
async function listedParts(base: string): Promise<number> {
  const path = `${base}.sha256`;
  const size = await stat(path).then(
    (stats) => stats.size,
    () => 0,
  );
  if (size > MAX_CHECKSUMS) return 0;
  const text = await readFile(path, "utf8").catch(() => "");
  return text.split("\n").filter((line) => baseOfPart(line.slice(66)) === basename(base)).length;
}
