import { BundleError } from "./bundle-error.ts";
import { BUNDLE_LIMITS } from "./bundle-limits.ts";
import { type CleanPath, cleanPath, followSymlink } from "./member-path.ts";
import type { Location, Member, Scan } from "./scan.ts";
import { nameEntry, type TarEntry } from "./tar/walk-tar.ts";

/** How many entries may still be remembered; shared by all archives of a bundle. */
export interface EntryBudget {
  left: number;
}

export function createEntryBudget(): EntryBudget {
  return { left: BUNDLE_LIMITS.entries };
}

/** Whether a path is one that bundles have, and a layer hardly would. */
export function isBundlePath(path: string): boolean {
  return (
    /(?:^|\/)(?:oci-layout|index\.json|manifest\.json|repositories)$/.test(path) ||
    /(?:^|\/)(?:sha256:)?[0-9a-f]{64}(?:$|[./])/.test(path)
  );
}

/** Takes the entries of one archive, and refuses those that are made to mislead. */
export interface ScanCollector {
  /** The member that an entry is; undefined for all but files. Throws BundleError. */
  add(entry: TarEntry, at: Location | undefined): Member | undefined;
  finish(isMarked: boolean): Scan;
}

export function collectScan(name: string, budget: EntryBudget): ScanCollector {
  const members = new Map<string, Member>();
  const links = new Map<string, string>();
  return {
    add(entry, at) {
      const label = `${nameEntry(entry.name, entry.offset)}`;
      const refuse = (why: string) => new BundleError("refused", `${name}, ${label}: ${why}`);
      const accept = (clean: CleanPath, what: string): string => {
        if (clean.ok) return clean.path;
        throw refuse(`${what} ${clean.why}`);
      };
      if (entry.kind === "other") return undefined;
      const path = accept(cleanPath(entry.name), "its path");
      if (entry.kind === "directory") return undefined;
      if (path === "") throw refuse("its path is empty");
      budget.left -= 1;
      if (budget.left < 0) throw refuse(`the bundle has more than ${BUNDLE_LIMITS.entries} entries`);
      const place = `${label} of ${name}`;
      if (entry.kind === "file") return addMember(members, { path, size: entry.size, place, at });
      const target =
        entry.kind === "hardlink" ? cleanPath(entry.linkName) : followSymlink(path, entry.linkName);
      if (!links.has(path)) links.set(path, accept(target, `its target ${JSON.stringify(entry.linkName)}`));
      return undefined;
    },
    finish: (isMarked) => ({ name, members, links, isCut: !isMarked }),
  };
}

/** The first of a path stays; who uses it has to see whether it was there again. */
function addMember(members: Map<string, Member>, member: Member): Member {
  const first = members.get(member.path);
  members.set(member.path, first === undefined ? member : { ...first, again: member.place });
  return member;
}
