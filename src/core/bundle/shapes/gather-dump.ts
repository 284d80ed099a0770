import { type Assembly, readDocument } from "../assembly.ts";
import type { Digest } from "../bundle.ts";
import { type FoundImage, type Gathered, holdMember } from "../gathered.ts";
import type { Member, Scan } from "../scan.ts";
import { followManifests } from "./follow-manifests.ts";

const MANIFEST_FILE = /^([0-9a-f]{64})\.json$/;

/** Whether names in a folder are those of a dump: a manifest and an archive of one digest. */
export function isDump(names: ReadonlySet<string>): boolean {
  return [...names].some((name) => {
    const digits = MANIFEST_FILE.exec(name)?.[1];
    return digits !== undefined && names.has(`${digits}.tar`);
  });
}

/**
 * A folder as dumpimage.sh makes it: each manifest as `<digest>.json`, byte for byte; the layers of each image in
 * `<digest>.tar` by `crane pull`; and auto.sh, which has the names.
 */
export function* gatherDump(gathered: Gathered, scan: Scan, root: string): Assembly<readonly FoundImage[]> {
  gathered.shapes.add("dumpimage.sh");
  const files = [...scan.members].filter(
    ([path]) => path.startsWith(root) && !path.slice(root.length).includes("/"),
  );
  const manifests: { readonly digest: Digest; readonly member: Member }[] = [];
  for (const [path, member] of files) {
    const name = path.slice(root.length);
    const digits = MANIFEST_FILE.exec(name)?.[1];
    if (digits !== undefined) manifests.push({ digest: `sha256:${digits}`, member });
    else if (name.endsWith(".tar")) yield* holdCraneArchive(gathered, member);
  }
  for (const { digest, member } of manifests) holdMember(gathered, digest, member);
  for (const { digest, member } of manifests)
    yield* followManifests(gathered, { digest, mediaType: "", size: member.size });
  const script = scan.members.get(`${root}auto.sh`);
  const lines = script === undefined ? [] : readNames(yield* readDocument(script));
  const there = new Set(manifests.map(({ digest }) => digest));
  const names = settleNames(
    gathered,
    lines.filter(({ digest }) => there.has(digest)),
  );
  const tagged = new Set(lines.map(({ digest }) => digest));
  const below = new Set(manifests.flatMap(({ digest }) => childrenOf(gathered, digest)));
  return manifests.flatMap(({ digest, member }): readonly FoundImage[] => {
    const own = names.get(digest) ?? [];
    const mediaType = gathered.manifests.get(digest)?.mediaType ?? "";
    const top = { digest, mediaType, size: member.size };
    if (own.length > 0) return own.map((name) => ({ name, top, isHostless: true }));
    return tagged.has(digest) || below.has(digest) ? [] : [{ name: undefined, top }];
  });
}

/**
 * The script tags each platform of a list, and then the list, with the same tag: the list counts. Else the last line does,
 * as when the script is run.
 */
function settleNames(gathered: Gathered, lines: readonly NameLine[]): ReadonlyMap<Digest, readonly string[]> {
  const tagged = new Map<string, Digest[]>();
  for (const { name, digest } of lines) {
    const before = tagged.get(name);
    if (before === undefined) tagged.set(name, [digest]);
    else before.push(digest);
  }
  const settled = new Map<Digest, string[]>();
  for (const [name, digests] of tagged) {
    const below = new Set([...new Set(digests)].flatMap((digest) => childrenOf(gathered, digest)));
    const tops = digests.filter((digest) => !below.has(digest));
    const last = tops.at(-1);
    if (last === undefined) continue;
    settled.set(last, [...(settled.get(last) ?? []), name]);
    for (const digest of new Set(tops))
      if (digest !== last)
        gathered.problems.push({
          severity: "warning",
          code: "name-twice",
          message: `${name}: auto.sh gives this name to ${digest} and to ${last}, which comes last and counts`,
        });
  }
  return settled;
}

/** crane names the config `sha256:<digits>` and a layer `<digits>.tar.gz`, as the manifest refers to them. */
function* holdCraneArchive(gathered: Gathered, archive: Member): Assembly<void> {
  const { archive: inside, error } = yield { ask: "archive", member: archive };
  if (error !== undefined)
    gathered.problems.push({ severity: "error", code: "unreadable-archive", message: error });
  for (const [path, member] of inside?.members ?? []) {
    const digits = /^(?:sha256:([0-9a-f]{64})|([0-9a-f]{64})\.tar\.gz)$/.exec(path);
    if (digits !== null) holdMember(gathered, `sha256:${digits[1] ?? digits[2]}`, member);
  }
}

function childrenOf({ manifests }: Gathered, digest: Digest): readonly Digest[] {
  return (manifests.get(digest)?.manifests ?? []).map((child) => child.digest);
}

interface NameLine {
  readonly name: string;
  readonly digest: Digest;
}

/** The lines that tag what was pushed: `crane tag $TARGETHOST/${TARGETNAMESPACE:-library}/REPOSITORY@sha256:… TAG`. */
function readNames(script: Uint8Array): readonly NameLine[] {
  const line = /^crane tag \$TARGETHOST\/\$\{TARGETNAMESPACE:-library\}\/(\S+)@(sha256:[0-9a-f]{64}) (\S+)$/;
  return new TextDecoder()
    .decode(script)
    .split("\n")
    .flatMap((one) => {
      const [, repository, digest, tag] = line.exec(one) ?? [];
      return digest === undefined ? [] : [{ name: `${repository}:${tag}`, digest }];
    });
}
