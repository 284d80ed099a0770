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
  const names = script === undefined ? new Map() : readNames(yield* readDocument(script));
  const below = new Set(manifests.flatMap(({ digest }) => childrenOf(gathered, digest)));
  return manifests
    .filter(({ digest }) => names.has(digest) || !below.has(digest))
    .map(({ digest, member }) => {
      const mediaType = gathered.manifests.get(digest)?.mediaType ?? "";
      return { name: names.get(digest), top: { digest, mediaType, size: member.size }, isHostless: true };
    });
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

/** The lines that tag what was pushed: `crane tag $TARGETHOST/${TARGETNAMESPACE:-library}/REPOSITORY@sha256:… TAG`. */
function readNames(script: Uint8Array): ReadonlyMap<Digest, string> {
  const line = /^crane tag \$TARGETHOST\/\$\{TARGETNAMESPACE:-library\}\/(\S+)@(sha256:[0-9a-f]{64}) (\S+)$/;
  const names = new Map<Digest, string>();
  for (const one of new TextDecoder().decode(script).split("\n")) {
    const [, repository, digest, tag] = line.exec(one) ?? [];
    if (digest !== undefined) names.set(digest, `${repository}:${tag}`);
  }
  return names;
}
