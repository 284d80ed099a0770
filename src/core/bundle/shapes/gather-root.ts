import { type Assembly, readList } from "../assembly.ts";
import type { BundleImage, Digest } from "../bundle.ts";
import { BundleError } from "../bundle-error.ts";
import { checkImage } from "../check-image.ts";
import type { FoundImage, Gathered } from "../gathered.ts";
import { manifestsBelow } from "../manifests-below.ts";
import { fullName } from "../name-image.ts";
import { field } from "../read-json.ts";
import { findMember, type Scan } from "../scan.ts";
import { gatherDirectory } from "./gather-directory.ts";
import { gatherDump } from "./gather-dump.ts";
import { gatherLayout } from "./gather-layout.ts";
import { gatherSavedImage } from "./gather-saved-image.ts";
import { readSavedImages, type SavedImage } from "./read-saved-images.ts";

/**
 * Images of one folder that has index.json, manifest.json or a dump in it; undefined where these are of something else.
 *
 * Docker since 25 and containerd write index.json and manifest.json. The first keeps digests, so it goes first; the
 * second has an image for which the first is not whole: 25.0 wrote manifests without layers
 * (https://github.com/moby/moby/issues/47065).
 */
export function* gatherRoot(
  gathered: Gathered,
  scan: Scan,
  root: string,
  digestOf: (bytes: Uint8Array) => Digest,
): Assembly<readonly FoundImage[] | undefined> {
  const index = findMember(scan, `${root}index.json`);
  const manifest = findMember(scan, `${root}manifest.json`);
  const list = manifest === undefined ? undefined : yield* readList(manifest);
  const entries = Array.isArray(list) ? list : [];
  const isSaved = entries.length > 0 && entries.every((entry) => field(entry, "Config") !== undefined);
  if (index === undefined && manifest === undefined) return yield* gatherDump(gathered, scan, root);
  if (index === undefined && manifest !== undefined && field(list, "schemaVersion") === 2)
    return yield* gatherDirectory(gathered, scan, root, manifest, digestOf);
  if (index === undefined && !isSaved) {
    if (Array.isArray(list) && list.length === 0) return [];
    return undefined;
  }
  const listed = index === undefined ? [] : yield* gatherLayout(gathered, scan, root, index);
  if (!isSaved || manifest === undefined) return listed;
  gathered.shapes.add("docker-archive");
  const saved = yield* readSaved(
    gathered,
    scan,
    root,
    { member: manifest, entries },
    digestOf,
    index !== undefined,
  );
  return yield* combine(gathered, listed, saved, digestOf);
}

/** Beside an index.json that is whole, what is wrong with manifest.json does not matter. */
function* readSaved(
  gathered: Gathered,
  scan: Scan,
  root: string,
  list: Parameters<typeof readSavedImages>[3],
  digestOf: (bytes: Uint8Array) => Digest,
  mayFail: boolean,
): Assembly<readonly SavedImage[]> {
  try {
    return yield* readSavedImages(gathered, scan, root, list, digestOf);
  } catch (error) {
    if (mayFail && error instanceof BundleError && error.code === "damaged") return [];
    throw error;
  }
}

function* combine(
  gathered: Gathered,
  listed: readonly BundleImage[],
  saved: readonly SavedImage[],
  digestOf: (bytes: Uint8Array) => Digest,
): Assembly<readonly BundleImage[]> {
  const images: BundleImage[] = [];
  const used = new Set<SavedImage>();
  for (const image of listed) {
    const same = saved.find((one) => isSame(gathered, image, one));
    if (same === undefined || isWhole(gathered, image, same)) {
      if (same !== undefined) used.add(same);
      const names = image.name === undefined ? (same?.names ?? []) : [];
      images.push(...(names.length === 0 ? [image] : names.map((name) => ({ ...image, name }))));
    } else if (!used.has(same)) {
      used.add(same);
      images.push(...(yield* gatherSavedImage(gathered, same, digestOf, BROKEN)));
    }
  }
  for (const one of saved)
    if (!used.has(one)) images.push(...(yield* gatherSavedImage(gathered, one, digestOf, NO_MANIFEST)));
  return images;
}

const BROKEN = "the manifest in the archive is not whole, so one is made anew";
const NO_MANIFEST = "the archive has no manifest of it, so one is made anew";

function isSame(gathered: Gathered, { name, top }: BundleImage, saved: SavedImage): boolean {
  if (configsBelow(gathered, top.digest).has(saved.config.digest)) return true;
  const full = name === undefined ? undefined : fullName(name);
  return full !== undefined && saved.names.some((one) => fullName(one) === full);
}

/** What is left out on purpose does not matter: the digest stays. */
function isWhole(gathered: Gathered, image: BundleImage, saved: SavedImage): boolean {
  const { problems } = checkImage(image, gathered);
  if (problems.some(({ code }) => code === "missing-blob" || code === "missing-manifest")) return false;
  const manifest = gathered.manifests.get(image.top.digest);
  if (manifest === undefined) return false;
  return manifest.manifests.length > 0 || manifest.blobs.length >= saved.layers.length + 1;
}

function configsBelow({ manifests }: Gathered, digest: Digest): ReadonlySet<Digest> {
  const found = [...manifestsBelow(manifests, digest).values()].map((manifest) => manifest?.blobs[0]?.digest);
  return new Set(found.filter((config) => config !== undefined));
}
