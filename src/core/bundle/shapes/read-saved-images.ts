import { isDigest } from "../../containerd/image-reference.ts";
import { type Assembly, readDocument } from "../assembly.ts";
import type { Descriptor, Digest } from "../bundle.ts";
import { BundleError } from "../bundle-error.ts";
import { type Gathered, holdMember } from "../gathered.ts";
import { readDescriptor } from "../push/manifest-parts.ts";
import { field, readJson, textField } from "../read-json.ts";
import { findMember, type Member, type Scan } from "../scan.ts";

/** An image as manifest.json of `docker save` has it: a config, and layers that are often not compressed. */
export interface SavedImage {
  /** As they stand: `nginx:1`. */
  readonly names: readonly string[];
  /** Digest and size of the config, which is the image's ID. */
  readonly config: { readonly digest: Digest; readonly size: number };
  readonly platform: Readonly<Record<string, unknown>>;
  readonly layers: readonly SavedLayer[];
  /** What is wrong with it. */
  readonly problem?: string;
}

export interface SavedLayer {
  /** Digest of the layer when it is not compressed. */
  readonly diffId: Digest;
  readonly member: Member | undefined;
  /** Where a foreign layer is to be had from. */
  readonly source: Descriptor | undefined;
}

/**
 * Reads https://github.com/moby/docker-image-spec/blob/main/v1.2.md#combined-image-json--filesystem-changeset-format, as
 * docker, podman, skopeo, crane and containerd write it. Throws BundleError when it is not in order.
 */
export function* readSavedImages(
  gathered: Gathered,
  scan: Scan,
  root: string,
  list: { readonly member: Member; readonly entries: readonly unknown[] },
  digestOf: (bytes: Uint8Array) => Digest,
): Assembly<readonly SavedImage[]> {
  const images: SavedImage[] = [];
  for (const entry of list.entries) {
    const fail = (why: string) => new BundleError("damaged", `${list.member.place}: ${why}`);
    const path = textField(entry, "Config");
    const layers = field(entry, "Layers") ?? [];
    const names = field(entry, "RepoTags") ?? [];
    if (path === undefined || !areTexts(layers) || !areTexts(names))
      throw fail("an image has no config or layers by name");
    const member = findMember(scan, root + path);
    if (member === undefined) throw fail(`the config ${JSON.stringify(path)} is missing`);
    const bytes = yield* readDocument(member);
    const digest = digestOf(bytes);
    const claimed = digestInPath(path);
    const problem =
      claimed === undefined || claimed === digest
        ? undefined
        : `${member.place}: the config has the digest ${digest}`;
    if (problem !== undefined)
      gathered.problems.push({ severity: "error", code: "wrong-digest", message: problem });
    holdMember(gathered, digest, member);
    const config = readJson(bytes);
    const rootfs = field(config, "rootfs");
    if (rootfs === undefined)
      throw new BundleError("damaged", `${member.place}: it is no config of an image`);
    const diffIds = field(rootfs, "diff_ids") ?? [];
    if (!areTexts(diffIds) || !diffIds.every(isDigest) || diffIds.length !== layers.length)
      throw fail(`${JSON.stringify(path)} does not have a diff_id for each of ${layers.length} layers`);
    const sources = field(entry, "LayerSources");
    images.push({
      names,
      config: { digest, size: bytes.length },
      platform: platformOf(config),
      layers: diffIds.map((diffId, at) => ({
        diffId,
        member: findMember(scan, root + (layers[at] ?? "")),
        source: sourceOf(sources, diffId),
      })),
      ...(problem === undefined ? {} : { problem }),
    });
  }
  return images;
}

/** The digest that a name such as `<digits>.json`, `sha256:<digits>` or `blobs/sha256/<digits>` promises. */
export function digestInPath(path: string): Digest | undefined {
  const digits = /(?:^|\/|:)([0-9a-f]{64})(?:\.json|\.tar\.gz)?$/.exec(path)?.[1];
  return digits === undefined ? undefined : `sha256:${digits}`;
}

function areTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

/** What an image is for, as its config says; empty where it does not. */
export function platformOf(config: unknown): Readonly<Record<string, unknown>> {
  const pairs = ["os", "architecture", "variant"].map((key) => [key, textField(config, key)] as const);
  return Object.fromEntries(pairs.filter(([, value]) => value !== undefined));
}

function sourceOf(sources: unknown, diffId: Digest): Descriptor | undefined {
  return readDescriptor(field(sources, diffId)) ?? undefined;
}
