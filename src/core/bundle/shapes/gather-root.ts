import { type Assembly, readList } from "../assembly.ts";
import type { BundleImage, Digest } from "../bundle.ts";
import { BundleError } from "../bundle-error.ts";
import { BUNDLE_LIMITS } from "../bundle-limits.ts";
import { checkImage } from "../check-image.ts";
import type { FoundImage, Gathered } from "../gathered.ts";
import { manifestsBelow } from "../manifests-below.ts";
import { fullName } from "../name-image.ts";
import { readDescriptor } from "../push/manifest-parts.ts";
import { field, readJson } from "../read-json.ts";
import { findMember, type Member, type Scan } from "../scan.ts";
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
 * (https://github.com/moby/moby/issues/47065). `isOurs`: it is one of `foldersWithContent`.
 */
export function* gatherRoot(
  gathered: Gathered,
  scan: Scan,
  root: string,
  isOurs: boolean,
  digestOf: (bytes: Uint8Array) => Digest,
): Assembly<readonly FoundImage[] | undefined> {
  const index = yield* findOwn(gathered, findMember(scan, `${root}index.json`), isOurs, isIndex);
  const manifest = yield* findOwn(gathered, findMember(scan, `${root}manifest.json`), isOurs, isImageList);
  const list = manifest === undefined ? undefined : yield* readList(manifest);
  const entries = Array.isArray(list) ? list : [];
  const isSaved = entries.length > 0 && areSaved(entries);
  if (index === undefined && manifest === undefined)
    return isOurs ? yield* gatherDump(gathered, scan, root) : undefined;
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

/**
 * Folders with what images are made of, each with a `/` at its end. Elsewhere an index.json or a manifest.json may be of
 * any other program.
 */
export function foldersWithContent({ members, links }: Scan): ReadonlySet<string> {
  const found = new Set<string>();
  for (const path of [...members.keys(), ...links.keys()]) {
    let at = 0;
    do {
      if (CONTENT.test(path.slice(at))) found.add(path.slice(0, at));
      at = path.indexOf("/", at) + 1;
    } while (at > 0);
  }
  return found;
}

const CONTENT = /^(?:oci-layout$|repositories$|blobs\/|(?:sha256:)?[0-9a-f]{64}(?:$|[./]))/;

/** A list of images; one of something else is passed over, and that is told. */
function* findOwn(
  gathered: Gathered,
  member: Member | undefined,
  isOurs: boolean,
  isList: (value: unknown) => boolean,
): Assembly<Member | undefined> {
  if (member === undefined || isOurs) return member;
  const passOver = (why: string): undefined => {
    gathered.problems.push({
      severity: "warning",
      code: "passed-over",
      message: `${member.place}: passed over: ${why}, and nothing of an image is beside it`,
    });
  };
  if (member.size > BUNDLE_LIMITS.listBytes) return passOver(`${member.size} bytes are too many for a list`);
  const { document } = yield { ask: "document", member };
  const value = document === undefined ? undefined : readJson(document);
  if (value === undefined) return passOver("it is no JSON");
  return isList(value) ? member : passOver("it is no list of images");
}

function isIndex(value: unknown): boolean {
  const listed = field(value, "manifests");
  return Array.isArray(listed) && listed.every((one) => readDescriptor(one) !== null);
}

function isImageList(value: unknown): boolean {
  return Array.isArray(value) ? areSaved(value) : field(value, "schemaVersion") === 2;
}

function areSaved(entries: readonly unknown[]): boolean {
  return entries.every((entry) => field(entry, "Config") !== undefined);
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
