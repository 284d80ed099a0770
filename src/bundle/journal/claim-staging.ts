import { readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeDirectories } from "../../shared/make-directories.ts";

/** Names of repositories that no other push uses as long as this one does. */
export interface StagingClaim {
  /** At least one: the first is for what comes by, and in the others a push that was killed may have left something. */
  readonly names: readonly [string, ...string[]];
  /** Another push may have them now. */
  release(): void;
}

export interface StagingOwner {
  /** What no other machine has. */
  readonly host: string;
  readonly pid: number;
  readonly isRunning: (pid: number) => boolean;
  /** A name that nobody else comes upon: lower-case letters and digits. */
  readonly freshName: () => string;
}

/**
 * Takes over names that no push uses, so that what was staged by one that was killed is found by the next, or else a
 * fresh one. A file `NAME` is free, and `NAME@HOST@PID` used; who finds another's beside its own takes neither. Throws
 * what the file system throws.
 */
export function claimStaging(
  folder: string,
  { host, pid, isRunning, freshName }: StagingOwner,
): StagingClaim {
  makeDirectories(folder, 0o700);
  const known = readdirSync(folder)
    .map(nameOf)
    .filter((name) => name !== undefined);
  const fileOf = (name: string): string => join(folder, `${name}@${host}@${pid}`);
  const isFree = (name: string): boolean => {
    const mine = fileOf(name);
    try {
      writeFileSync(mine, "", { flag: "wx" });
    } catch {
      return false; // Another push of this very process.
    }
    const others = readdirSync(folder).filter((file) => nameOf(file) === name && join(folder, file) !== mine);
    if (others.some((file) => isUsed(file, { host, isRunning }))) {
      rmSync(mine, { force: true });
      return false;
    }
    for (const file of others) rmSync(join(folder, file), { force: true });
    return true;
  };
  const free = [...new Set(known)].sort().filter(isFree);
  const [first = freshName(), ...others] = free;
  if (free.length === 0) writeFileSync(fileOf(first), "");
  return {
    names: [first, ...others],
    release() {
      for (const name of [first, ...others])
        try {
          renameSync(fileOf(name), join(folder, name));
        } catch {
          // Somebody has removed the folder: the next push takes a fresh name.
        }
    },
  };
}

function nameOf(file: string): string | undefined {
  return /^([a-z0-9]+)(?:@.+@\d+)?$/.exec(file)?.[1];
}

function isUsed(file: string, { host, isRunning }: Pick<StagingOwner, "host" | "isRunning">): boolean {
  const [, at, pid] = /^[a-z0-9]+@(.+)@(\d+)$/.exec(file) ?? [];
  if (pid === undefined) return false;
  return at !== host || isRunning(Number(pid));
}
