import type { Digest } from "./bundle.ts";
import { BUNDLE_LIMITS } from "./bundle-limits.ts";

/** Where bytes are at rest: a file, and the offset in it. */
export interface Location {
  readonly path: string;
  readonly offset: number;
  /** Of a file that is in several: the offset counts through all of them. */
  readonly parts?: readonly FilePart[];
}

/** One of the files that are one together. */
export interface FilePart {
  readonly path: string;
  readonly size: number;
}

/** A file in a folder or an archive. */
export interface Member {
  /** Below the root of what it is in, clean. */
  readonly path: string;
  readonly size: number;
  /** For people: `entry "blobs/…" at byte 512 of bundle.tar`, or a path. */
  readonly place: string;
  /** Undefined: it has gone by in a stream. */
  readonly at: Location | undefined;
  /** Another member of the same path, which programs may take in its stead. */
  readonly again?: string;
}

/** What has been found in a folder or an archive, before anybody knows what it means. */
export interface Scan {
  /** For people. */
  readonly name: string;
  readonly members: ReadonlyMap<string, Member>;
  /** Links inside of it: path to path. */
  readonly links: ReadonlyMap<string, string>;
  /** An archive without its end mark. */
  readonly isCut: boolean;
}

/** What its first bytes say that it is. */
export type Nature = "tar" | Compression | "other";
export type Compression = "gzip" | "xz" | "zstd" | "bzip2";

/** The digest of a member as it is, and of what is in it where it is compressed. */
export interface MemberDigests {
  readonly digest: Digest;
  readonly inner?: Digest | "broken";
}

/** The member at a path, through links: of files, and of the folders on the way. */
export function findMember({ members, links }: Scan, path: string): Member | undefined {
  let here: string | undefined = path;
  for (let hops = 0; here !== undefined && hops <= BUNDLE_LIMITS.linkHops; hops += 1) {
    const member = members.get(here);
    if (member !== undefined) return member;
    here = followLink(links, here);
  }
  return undefined;
}

function followLink(links: Scan["links"], path: string): string | undefined {
  for (let at = path.length; at > 0; at = path.lastIndexOf("/", at - 1)) {
    const target = links.get(path.slice(0, at));
    if (target !== undefined) return `${target}${path.slice(at)}`.replace(/^\//, "");
  }
  return undefined;
}

/** What is below a path, links to members too: where a folder has the same file twice, tar packs a link. */
export function membersBelow(scan: Scan, start: string): readonly (readonly [string, Member])[] {
  const paths = [...scan.members.keys(), ...scan.links.keys(), ...pathsThroughLinks(scan, start)];
  return [...new Set(paths.filter((path) => path.startsWith(start)))].flatMap((path) => {
    const member = findMember(scan, path);
    return member === undefined ? [] : [[path.slice(start.length), member] as const];
  });
}

/** What folders have to which links lead, on the way to a path or below it. */
function pathsThroughLinks({ members, links }: Scan, start: string): readonly string[] {
  const near = [...links].filter(([link]) => link.startsWith(start) || start.startsWith(`${link}/`));
  if (near.length === 0) return [];
  const folders = new Set([...members.keys()].flatMap(foldersOf));
  return near
    .filter(([, target]) => folders.has(target))
    .slice(0, BUNDLE_LIMITS.linkedFolders)
    .flatMap(([link, target]) =>
      [...members.keys()]
        .filter((path) => path.startsWith(`${target}/`))
        .map((path) => link + path.slice(target.length)),
    );
}

/** `a/b` and `a` of `a/b/c`. */
function foldersOf(path: string): readonly string[] {
  const folders: string[] = [];
  for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1))
    folders.push(path.slice(0, at));
  return folders;
}
