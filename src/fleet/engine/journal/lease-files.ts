import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectories } from "../../../shared/make-directories.ts";
import { isGone, type ProcessIdentity } from "./process-identity.ts";

/**
 * Who holds a lease says so in a file of the lease's own, again and again: renewals are no changes of the journal. That a
 * lease is over is one, made by whoever finds out first.
 */
export interface LeaseFiles {
  renew(lease: string, holder: LeaseHolder): Promise<void>;
  /** Its holder is gone or has been silent for longer than it lives. */
  isOver(lease: string, nowMs: number): Promise<boolean>;
  remove(lease: string): Promise<void>;
}

export interface LeaseHolder {
  readonly process: ProcessIdentity;
  readonly ttlMs: number;
  /** By the machine's own time since it started, which all processes share. */
  readonly renewedMs: number;
}

export function createLeaseFiles(directory: string): LeaseFiles {
  const folder = join(directory, "leases");
  const pathOf = (lease: string): string => join(folder, lease);
  return {
    async renew(lease, holder) {
      makeDirectories(folder, 0o700);
      // Nothing is lost with it: after a crash of the machine every lease is over.
      await writeFile(`${pathOf(lease)}.new`, JSON.stringify(holder), { mode: 0o600 });
      await rename(`${pathOf(lease)}.new`, pathOf(lease));
    },
    async isOver(lease, nowMs) {
      const text = await readFile(pathOf(lease), "utf8").catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return undefined;
        throw error;
      });
      if (text === undefined) return true;
      const { process, ttlMs, renewedMs } = JSON.parse(text) as LeaseHolder;
      return isGone(process) || nowMs - renewedMs > ttlMs;
    },
    async remove(lease) {
      await rm(pathOf(lease), { force: true });
      await rm(`${pathOf(lease)}.new`, { force: true });
    },
  };
}
