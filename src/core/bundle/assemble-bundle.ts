import { parseImageReference } from "../containerd/image-reference.ts";
import type { Assembly } from "./assembly.ts";
import type { Bundle, BundleImage, Digest } from "./bundle.ts";
import { BundleError } from "./bundle-error.ts";
import { BUNDLE_LIMITS } from "./bundle-limits.ts";
import { checkImage } from "./check-image.ts";
import { createGathered, type FoundImage, type Gathered, type Holding, type Problem } from "./gathered.ts";
import { manifestsBelow } from "./manifests-below.ts";
import { digestInName, fullName } from "./name-image.ts";
import { formatBytes } from "./push/format-amount.ts";
import type { ManifestParts } from "./push/manifest-parts.ts";
import type { Scan } from "./scan.ts";
import { isDump } from "./shapes/gather-dump.ts";
import { foldersWithContent, gatherRoot } from "./shapes/gather-root.ts";

/** A bundle with all that is known of it without computing digests. */
export interface AssembledBundle extends Bundle {
  /** For people: `OCI layout`, `docker-archive`, … */
  readonly shapes: readonly string[];
  readonly blobs: ReadonlyMap<Digest, Holding>;
  readonly manifests: ReadonlyMap<Digest, ManifestParts>;
  readonly problems: readonly Problem[];
}

/**
 * Finds out what is in a folder or an archive: layouts and archives of images in it, at any depth, and archives in
 * archives. Throws BundleError when there is no image, or when it is made to mislead; what is missing or does not fit
 * are problems.
 */
export function* assembleBundle(
  scan: Scan,
  digestOf: (bytes: Uint8Array) => Digest,
): Assembly<AssembledBundle> {
  const gathered = createGathered();
  yield* gatherScan(gathered, scan, digestOf, 0);
  const images = nameImages(gathered);
  tellIncrement(gathered);
  const checked = new Set<Digest>();
  for (const image of images) {
    if (checked.has(image.top.digest)) continue;
    checked.add(image.top.digest);
    gathered.problems.push(...checkImage(image, gathered).problems);
  }
  const isBroken = gathered.problems.some(({ severity }) => severity === "error");
  if (images.length === 0 && (scan.isCut || !isBroken)) throw emptyError(scan, gathered);
  return {
    shapes: [...gathered.shapes],
    images,
    blobs: gathered.holdings,
    manifests: gathered.manifests,
    problems: orderProblems(gathered.problems).slice(0, BUNDLE_LIMITS.problems),
    ...(gathered.leftOut === undefined ? {} : { leftOut: gathered.leftOut }),
  };
}

/** There is room for some only: first what keeps all from being pushed, last lists of other programs, often hundreds. */
function orderProblems(problems: readonly Problem[]): readonly Problem[] {
  const rank = ({ code }: Problem): number =>
    code === "unreadable-archive" || code === "no-end-mark" ? 0 : code === "passed-over" ? 2 : 1;
  return [...problems].sort((a, b) => rank(a) - rank(b));
}

/** An increment is whole only together with what the site has. */
function tellIncrement({ leftOut, holdings, problems }: Gathered): void {
  if (leftOut?.since === undefined) return;
  const lacking = leftOut.blobs.filter(({ digest }) => !holdings.has(digest));
  const size = lacking.reduce((sum, blob) => sum + blob.size, 0);
  const amount = `${lacking.length} blob${lacking.length === 1 ? "" : "s"} (${formatBytes(size)})`;
  problems.push({
    severity: "warning",
    code: "increment",
    message: `an increment: it leaves out ${amount} that ${leftOut.since} has; push it where that one has been pushed`,
  });
}

/** The list of images is often the last entry, so that it is the first to be lost. */
function emptyError({ name, isCut }: Scan, { shapes, problems }: Gathered): BundleError {
  if (isCut)
    return new BundleError(
      "damaged",
      `${name}: no list of images is in it, and it ends without the mark of an end: cut off?`,
    );
  if (shapes.size > 0) return new BundleError("unknown", `${name}: the bundle is empty: it lists no image`);
  const passedOver = problems.find(({ code }) => code === "passed-over");
  return new BundleError(
    "unknown",
    `${name}: no bundle: neither an OCI layout nor an archive of images is in it${passedOver === undefined ? "" : ` (${passedOver.message})`}`,
  );
}

function* gatherScan(
  gathered: Gathered,
  scan: Scan,
  digestOf: (bytes: Uint8Array) => Digest,
  depth: number,
): Assembly<void> {
  const found: string[] = [];
  const own = foldersWithContent(scan);
  for (const root of findRoots(scan)) {
    const images = yield* gatherRoot(gathered, scan, root, own.has(root), digestOf);
    if (images === undefined) continue;
    found.push(root);
    gathered.images.push(...images);
  }
  if (scan.isCut)
    gathered.problems.push({
      severity: found.length === 0 ? "error" : "warning",
      code: "no-end-mark",
      message: `${scan.name}: it ends without the mark of an end; if it was cut off, that was between two entries`,
    });
  if (depth >= BUNDLE_LIMITS.nesting) return;
  for (const [path, member] of scan.members) {
    if (found.some((root) => path.startsWith(root))) continue;
    const { nature } = yield { ask: "nature", member };
    if (nature === undefined || nature === "other") continue;
    const { archive, error } = yield { ask: "archive", member };
    if (error !== undefined)
      gathered.problems.push({ severity: "error", code: "unreadable-archive", message: error });
    if (archive !== undefined) yield* gatherScan(gathered, archive, digestOf, depth + 1);
  }
}

/** Folders that may hold images of their own, outer ones first; each with a `/` at its end, the outermost "". */
function findRoots(scan: Scan): readonly string[] {
  const names = new Map<string, Set<string>>();
  for (const path of [...scan.members.keys(), ...scan.links.keys()]) {
    const at = path.lastIndexOf("/") + 1;
    const inFolder = names.get(path.slice(0, at)) ?? new Set();
    names.set(path.slice(0, at), inFolder.add(path.slice(at)));
  }
  return [...names]
    .filter(([, inFolder]) => inFolder.has("index.json") || inFolder.has("manifest.json") || isDump(inFolder))
    .map(([folder]) => folder)
    .sort((a, b) => a.split("/").length - b.split("/").length || (a < b ? -1 : 1));
}

/** Full names, each once; of a name that several images have, all of these. */
function nameImages({ images, problems, manifests }: Gathered): readonly BundleImage[] {
  const distinct = new Map<string, BundleImage>();
  const byName = new Map<string, Digest>();
  const tell = (severity: "error" | "warning", code: Problem["code"], message: string) =>
    problems.push({ severity, code, message });
  for (const image of images) {
    const { name: given, ref, newDigest, problem, top } = image;
    const name = nameOf(image);
    const badName = name === "" && given !== undefined ? reasonAgainst(given) : undefined;
    if (badName !== undefined) tell("warning", "bad-name", badName);
    const insists = name === undefined ? undefined : digestInName(name);
    if (insists !== undefined && insists !== top.digest)
      tell("error", "bad-name", `${name}: the bundle has ${top.digest} under this name`);
    const before = name ? byName.get(name) : undefined;
    if (before !== undefined && before !== top.digest)
      tell("error", "name-twice", `${name}: two images have this name, ${before} and ${top.digest}`);
    if (name && before === undefined) byName.set(name, top.digest);
    const key = `${name || (ref ?? "")} ${top.digest}`;
    if (distinct.has(key)) continue;
    distinct.set(key, {
      name: name || undefined,
      top: withType(image, manifests),
      ...(name || ref === undefined ? {} : { ref }),
      ...(badName === undefined ? {} : { badName }),
      ...(newDigest === undefined ? {} : { newDigest }),
      ...(problem === undefined ? {} : { problem }),
    });
  }
  const found = [...distinct.values()];
  const below = (some: readonly BundleImage[]): ReadonlySet<Digest> =>
    new Set(some.flatMap((image) => digestsBelow(image, manifests)));
  const belowNamed = below(found.filter(({ name }) => name !== undefined));
  const belowAny = below(found);
  return found.filter(
    ({ name, ref, top }) =>
      name !== undefined || !(ref === undefined ? belowAny : belowNamed).has(top.digest),
  );
}

function reasonAgainst(name: string): string {
  const parsed = parseImageReference(name);
  return parsed.ok ? `${JSON.stringify(name)} is no name of an image` : parsed.message;
}

/** "": it has one that is none. */
function nameOf({ name, isHostless }: FoundImage): string | undefined {
  const full = name === undefined ? undefined : (fullName(name) ?? "");
  return isHostless === true ? full?.replace(/^docker\.io\//, "") : full;
}

/** What need not be told of when it has no name: programs list it beside the image that it belongs to, or once more. */
function digestsBelow({ name, top }: BundleImage, manifests: Gathered["manifests"]): readonly Digest[] {
  const below = [...manifestsBelow(manifests, top.digest).keys()];
  return name === undefined ? below.filter((digest) => digest !== top.digest) : below;
}

function withType({ top }: BundleImage, manifests: Gathered["manifests"]): BundleImage["top"] {
  const mediaType = manifests.get(top.digest)?.mediaType ?? top.mediaType;
  return mediaType === top.mediaType ? top : { ...top, mediaType };
}
