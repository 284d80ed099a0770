import { type Assembly, readDocument } from "../assembly.ts";
import type { BundleImage, Digest } from "../bundle.ts";
import { type Gathered, holdMember } from "../gathered.ts";
import { type Member, membersBelow, type Scan } from "../scan.ts";
import { followManifests } from "./follow-manifests.ts";

/**
 * The `dir:` of skopeo: manifest.json is the registry's own, a blob is a file of its digits, and a manifest below an
 * index has `.manifest.json` after them. https://github.com/containers/image/tree/main/directory
 */
export function* gatherDirectory(
  gathered: Gathered,
  scan: Scan,
  root: string,
  manifest: Member,
  digestOf: (bytes: Uint8Array) => Digest,
): Assembly<readonly BundleImage[]> {
  gathered.shapes.add("skopeo's dir");
  for (const [name, member] of membersBelow(scan, root)) {
    const digits = /^([0-9a-f]{64})(?:\.manifest\.json)?$/.exec(name)?.[1];
    if (digits !== undefined) holdMember(gathered, `sha256:${digits}`, member);
  }
  const digest = digestOf(yield* readDocument(manifest));
  holdMember(gathered, digest, manifest);
  yield* followManifests(gathered, { digest, mediaType: "", size: manifest.size });
  const mediaType = gathered.manifests.get(digest)?.mediaType ?? "";
  return [{ ...nameInPath(root), top: { digest, mediaType, size: manifest.size } }];
}

/** `skopeo sync` makes a folder `HOST/REPOSITORY:TAG` of each image, and without --scoped one by the end of that. */
function nameInPath(root: string): Pick<BundleImage, "name" | "ref"> {
  const path = root.replace(/\/$/, "");
  if (/^[^/]+[.:][^/]*\/.*:[^/]+$/.test(path)) return { name: path };
  const last = path.slice(path.lastIndexOf("/") + 1);
  return { name: undefined, ...(/^[a-z0-9._-]+:\w[\w.-]{0,127}$/.test(last) ? { ref: last } : {}) };
}
