import type { BundleImage, Descriptor, Digest } from "./bundle.ts";
import { BUNDLE_LIMITS } from "./bundle-limits.ts";
import type { LeftOut } from "./dump/bundle-record.ts";
import type { Holding, Problem } from "./gathered.ts";
import { isThinnedOut } from "./is-thinned-out.ts";
import { isForeign, type ManifestParts } from "./push/manifest-parts.ts";

/** Whether all of an image is there. */
export interface ImageCheck {
  readonly problems: readonly Problem[];
  /** Distinct content that it needs and the bundle holds, manifests included. */
  readonly digests: ReadonlySet<Digest>;
}

interface Contents {
  readonly holdings: ReadonlyMap<Digest, Holding>;
  readonly manifests: ReadonlyMap<Digest, ManifestParts>;
  readonly leftOut?: LeftOut | undefined;
}

/** Looks at sizes and at what is missing; digests are computed by whoever reads the content. */
export function checkImage(
  { name, top }: BundleImage,
  { holdings, manifests, leftOut: record }: Contents,
): ImageCheck {
  const problems: Problem[] = [];
  const digests = new Set<Digest>();
  const label = name ?? top.digest;
  const isElsewhere = listLeftOut(record);
  const tell = (severity: Problem["severity"], code: Problem["code"], message: string) =>
    problems.push({ severity, code, message: `${label}: ${message}` });

  const check = (descriptor: Descriptor, what: string): boolean => {
    const held = holdings.get(descriptor.digest);
    if (held === undefined) return false;
    digests.add(descriptor.digest);
    if (held.size !== descriptor.size)
      tell(
        "error",
        "wrong-size",
        `${what} has ${held.size} bytes instead of ${descriptor.size} (${held.place})`,
      );
    return true;
  };
  const checkBlobs = (blobs: readonly Descriptor[]) => {
    for (const blob of blobs) {
      if (check(blob, blob.digest) || isElsewhere.has(blob.digest)) continue;
      if (isForeign(blob))
        tell(
          "warning",
          "foreign-layer",
          `the layer ${blob.digest} is not in it; nodes take it from ${blob.urls?.[0] ?? "elsewhere"}`,
        );
      else tell("error", "missing-blob", `${blob.digest} is missing (${blob.size} bytes)`);
    }
  };
  const visit = (descriptor: Descriptor, depth: number): void => {
    if (digests.has(descriptor.digest)) return;
    if (depth > BUNDLE_LIMITS.indexDepth) {
      tell("error", "bad-manifest", "indexes in indexes without end");
      return;
    }
    if (!check(descriptor, `the manifest ${descriptor.digest}`)) {
      tell("error", "missing-manifest", `the manifest ${descriptor.digest} is missing`);
      return;
    }
    const manifest = manifests.get(descriptor.digest);
    checkBlobs(manifest?.blobs ?? []);
    const children = manifest?.manifests ?? [];
    const isKnown = (one: Digest) => holdings.has(one) || isElsewhere.has(one);
    const isLeftOut = ({ digest }: Descriptor) =>
      isThinnedOut(holdings.has(digest), manifests.get(digest)?.blobs, isKnown);
    const leftOut = children.filter(isLeftOut);
    for (const child of children) if (!leftOut.includes(child)) visit(child, depth + 1);
    if (leftOut.length > 0) tellLeftOut(leftOut, children.length);
  };
  const tellLeftOut = (leftOut: readonly Descriptor[], of: number): void => {
    const names = leftOut.map(({ platform, digest }) => platformName(platform) ?? digest);
    const isMeant = leftOut.every(({ digest }) => isElsewhere.has(digest));
    // An index of which nothing is there has not been thinned out by anybody.
    if (leftOut.length === of)
      tell("error", "missing-manifest", "none of the manifests of its index is there");
    else
      tell(
        isMeant ? "warning" : "left-out",
        "left-out-platform",
        `left out: ${names.join(", ")}; ${isMeant ? "many registries" : "registries"} refuse an index without all it names`,
      );
  };
  visit(top, 0);
  return { problems, digests };
}

function listLeftOut(leftOut: LeftOut | undefined): ReadonlySet<Digest> {
  return new Set([...(leftOut?.manifests ?? []), ...(leftOut?.blobs ?? []).map(({ digest }) => digest)]);
}

/** `linux/arm64/v8`; undefined: it is for none. */
export function platformName(platform: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const parts = ["os", "architecture", "variant"].map((key) => platform?.[key]);
  const known = parts.filter((part) => typeof part === "string" && part !== "");
  return known.length < 2 || known[0] === "unknown" ? undefined : known.join("/");
}
