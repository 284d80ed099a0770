import { closeSync, constants, fstatSync, openSync, readFileSync, readlinkSync } from "node:fs";
import { HostError } from "../agent/ports.ts";
import { pathOfDescriptor } from "./files-directories.ts";
import type { HostRoot } from "./files-root.ts";

/** A file as it is to be opened. */
export interface Followed {
  /** Every link followed. */
  readonly hostPath: string;
  /** Users other than root and our own whose links led there from a confined directory. */
  readonly linkOwners: readonly number[];
  readonly isConfined: boolean;
}

/**
 * Follows the links of a path. What a link in a confined directory leads to is read only if the link belongs to root,
 * to our own user, or to the owner of the file: a user who may write there could not read the file otherwise, and would
 * have root show it, or keep a copy of it. The rule of Apache's SymLinksIfOwnerMatch.
 */
export function follow(nodePath: string, root: HostRoot, confined: readonly string[]): Followed {
  const tops = confined.filter((top) => nodePath.startsWith(`${top}/`)).map((top) => root.resolve(top));
  const own = process.geteuid?.() ?? 0;
  const owners = new Set<number>();
  const hostPath = root.resolve(nodePath, (link, { uid }) => {
    if (uid !== 0 && uid !== own && tops.some((top) => link.startsWith(`${top}/`))) owners.add(uid);
  });
  return { hostPath, linkOwners: [...owners], isConfined: tops.length > 0 };
}

/** Reads a regular file, and the one that was looked at: what has been swapped for a link since is not read. */
export function readFollowed(nodePath: string, { hostPath, linkOwners, isConfined }: Followed): Uint8Array {
  // O_NONBLOCK: a pipe put in place of the file must not hold up the pass.
  const descriptor = openSync(hostPath, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw new Error("it is no longer a regular file");
    if (linkOwners.some((owner) => owner !== stats.uid)) throw foreignLink(nodePath, linkOwners);
    if (isConfined && realPathOf(descriptor) !== hostPath) throw swapped(nodePath);
    return readFileSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function realPathOf(descriptor: number): string {
  // One that has just been replaced in a rename is a whole file all the same.
  return readlinkSync(pathOfDescriptor(descriptor)).replace(/ \(deleted\)$/, "");
}

function foreignLink(path: string, owners: readonly number[]): HostError {
  const message = `not reading ${path}: a symbolic link of user ${owners.join(", ")} leads to a file that is not theirs; remove the link, or give it to root (chown -h root)`;
  return new HostError("symlink", path, message, { retryable: false });
}

function swapped(path: string): HostError {
  const message = `not reading ${path}: one of its directories was replaced by a link meanwhile; look who does that`;
  return new HostError("changed", path, message, { retryable: true });
}
