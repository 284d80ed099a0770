import { isDigest } from "../../containerd/image-reference.ts";
import { type Assembly, readList } from "../assembly.ts";
import type { BundleImage, Descriptor } from "../bundle.ts";
import { BundleError } from "../bundle-error.ts";
import { BUNDLE_LIMITS } from "../bundle-limits.ts";
import { RECORD_NAME, readRecord } from "../dump/bundle-record.ts";
import { type Gathered, holdMember } from "../gathered.ts";
import { annotatedName, annotatedRef } from "../name-image.ts";
import { readDescriptor } from "../push/manifest-parts.ts";
import { field, readJson } from "../read-json.ts";
import { findMember, type Member, membersBelow, type Scan } from "../scan.ts";
import { followManifests } from "./follow-manifests.ts";
import { platformOf } from "./read-saved-images.ts";

/**
 * What index.json lists: https://github.com/opencontainers/image-spec/blob/main/image-layout.md. `root` is its folder,
 * with a `/` at the end, or "". Names are as they were found.
 */
export function* gatherLayout(
  gathered: Gathered,
  scan: Scan,
  root: string,
  index: Member,
): Assembly<readonly BundleImage[]> {
  gathered.shapes.add("OCI layout");
  holdBlobs(gathered, scan, root);
  const listed = field(yield* readList(index), "manifests");
  if (!Array.isArray(listed)) throw new BundleError("damaged", `${index.place}: it has no list of manifests`);
  yield* gatherRecord(gathered, scan, root);
  const images: BundleImage[] = [];
  for (const one of listed) {
    const top = readDescriptor(one);
    if (top === null)
      throw new BundleError("damaged", `${index.place}: a descriptor without a usable digest or size`);
    yield* followManifests(gathered, top);
    const name = annotatedName(top.annotations);
    const ref = name === undefined ? annotatedRef(top.annotations) : undefined;
    images.push({ name, ...(ref === undefined ? {} : { ref }), top: yield* withPlatform(gathered, top) });
  }
  return images;
}

/** Several layouts in one bundle each tell of their own. */
function* gatherRecord(gathered: Gathered, scan: Scan, root: string): Assembly<void> {
  const member = findMember(scan, `${root}${RECORD_NAME}`);
  const found = member === undefined ? undefined : readRecord(yield* readList(member));
  if (found === undefined) return;
  const before = gathered.leftOut;
  gathered.leftOut = {
    platforms: [...new Set([...(before?.platforms ?? []), ...found.platforms])],
    since: found.since ?? before?.since,
    manifests: [...(before?.manifests ?? []), ...found.manifests],
    blobs: [...(before?.blobs ?? []), ...found.blobs],
  };
}

/** An index has the platform of each manifest; of a manifest alone only its config has it. */
function* withPlatform({ holdings, manifests }: Gathered, top: Descriptor): Assembly<Descriptor> {
  const config = manifests.get(top.digest)?.blobs[0];
  const member = config && holdings.get(config.digest)?.member;
  if (top.platform !== undefined || member === undefined || member.size > BUNDLE_LIMITS.documentBytes)
    return top;
  const { document } = yield { ask: "document", member };
  const platform = document === undefined ? {} : platformOf(readJson(document));
  return Object.keys(platform).length === 0 ? top : { ...top, platform };
}

/** Every `blobs/<algorithm>/<digits>`, whether anything refers to it or not. */
export function holdBlobs(gathered: Gathered, scan: Scan, root: string): void {
  for (const [path, member] of membersBelow(scan, `${root}blobs/`)) {
    const digest = path.replace("/", ":");
    if (isDigest(digest)) holdMember(gathered, digest, member);
  }
}
