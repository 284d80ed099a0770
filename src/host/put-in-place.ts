import { existsSync, linkSync, lstatSync, readFileSync, renameSync, type Stats } from "node:fs";
import { dirname } from "node:path";
import { exchangeFiles } from "./exchange-files.ts";
import { errnoOf } from "./files-error.ts";
import { discard, fsyncDirectory } from "./files-temporary.ts";

export interface Placement {
  /** Written and durable, beside the target. */
  readonly temporary: string;
  readonly target: string;
  readonly bytes: Uint8Array;
  /** What must stand there, and the attributes it had; undefined: nothing. */
  readonly expected: { readonly bytes: Uint8Array; readonly stats: Stats } | undefined;
  /** Throws where the target is not what is expected; what nothing else can tell is told by this. */
  readonly look: () => void;
}

/**
 * Puts a file where others may be writing at the same moment, and durably so. rename(2) cannot compare: what somebody
 * put there between the last look and the rename would be gone. So the new file is exchanged for the old one, which is
 * then looked at, and put back where it is not the expected one. Where nothing can be exchanged, a last look and a
 * rename right after it have to do. False: somebody else has changed the target, and their change stands.
 */
export async function putInPlace(placement: Placement): Promise<boolean> {
  const { temporary, target, expected, look } = placement;
  look();
  if (expected === undefined) {
    if (!create(placement)) return false;
  } else {
    const exchange = await exchangeFiles(temporary, target, expected.bytes);
    if (exchange === "exchanged") return settle(placement);
    if (exchange === "put-back") return giveUp(placement);
    look();
    renameSync(temporary, target);
  }
  await fsyncDirectory(dirname(target));
  return true;
}

/** Looked at once more when it is durable: a writer may have had the old file open. */
async function settle(placement: Placement): Promise<boolean> {
  const { temporary, target } = placement;
  let isOurs = false;
  try {
    await fsyncDirectory(dirname(target));
    isOurs = isExpected(placement);
  } finally {
    if (!isOurs) renameSync(temporary, target);
  }
  if (!isOurs) return giveUp(placement);
  discard(temporary);
  await fsyncDirectory(dirname(target));
  return true;
}

/** What others have written stands; had they written on top of ours meanwhile, that does. */
async function giveUp({ temporary, target, bytes }: Placement): Promise<boolean> {
  if (existsSync(temporary) && !isStill(temporary, bytes)) renameSync(temporary, target);
  discard(temporary);
  await fsyncDirectory(dirname(target));
  return false;
}

/** link(2) does not replace. False: somebody was faster. */
function create({ temporary, target, look }: Placement): boolean {
  try {
    linkSync(temporary, target);
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    // A file system without links.
    look();
    renameSync(temporary, target);
    return true;
  }
  discard(temporary);
  return true;
}

/** What has come out in the exchange. */
function isExpected({ temporary, expected }: Placement): boolean {
  const found = lstatSync(temporary);
  const { bytes, stats } = expected as NonNullable<Placement["expected"]>;
  const isSame =
    found.isFile() &&
    found.size === bytes.length &&
    found.mode === stats.mode &&
    found.uid === stats.uid &&
    found.gid === stats.gid;
  return isSame && Buffer.compare(readFileSync(temporary), bytes) === 0;
}

/** Also where it cannot be read: nothing says that somebody else has written it. */
function isStill(path: string, bytes: Uint8Array): boolean {
  try {
    return Buffer.compare(readFileSync(path), bytes) === 0;
  } catch {
    return true;
  }
}
