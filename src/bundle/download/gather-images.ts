import type { Descriptor, Digest } from "../../core/bundle/bundle.ts";
import { BUNDLE_LIMITS } from "../../core/bundle/bundle-limits.ts";
import { platformName } from "../../core/bundle/check-image.ts";
import type { DumpImage, FetchedManifest } from "../../core/bundle/dump/plan-dump.ts";
import { chooseChildren, type WantedPlatform } from "../../core/bundle/dump/platform.ts";
import { digestInName } from "../../core/bundle/name-image.ts";
import { readManifestParts } from "../../core/bundle/push/manifest-parts.ts";
import { parseImageReference } from "../../core/containerd/image-reference.ts";
import { isOutage } from "../registry/ends-all.ts";
import { fetchManifest, type PulledManifest } from "../registry/fetch-manifest.ts";
import { fetchReferrers } from "../registry/fetch-referrers.ts";
import { WrongContentError } from "../registry/wrong-content.ts";
import type { BlobPlace } from "./blob-places.ts";
import type { DumpContext, ImageSource } from "./dump-context.ts";

export interface GatherOptions {
  /** None: all. */
  readonly platforms: readonly WantedPlatform[];
  readonly withReferrers: boolean;
  /** So many images of so many have been looked up. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** An image that cannot be dumped. */
export interface GatherFailure {
  readonly name: string;
  readonly error: unknown;
}

export interface GatheredImages {
  readonly images: readonly DumpImage[];
  readonly manifests: ReadonlyMap<Digest, FetchedManifest>;
  readonly failures: readonly GatherFailure[];
}

/** Fetches the manifests of all images, each once; a tag is looked up once. Names are full ones. */
export async function gatherImages(
  names: readonly string[],
  options: GatherOptions,
  context: DumpContext,
): Promise<GatheredImages> {
  const gather = createGather(options, context);
  const failures: GatherFailure[] = [];
  let done = 0;
  const images = await Promise.all(
    names.map(async (name) => {
      try {
        return await gather.image(name);
      } catch (error) {
        failures.push({ name, error });
        return undefined;
      } finally {
        options.onProgress?.(++done, names.length);
      }
    }),
  );
  return {
    images: images.filter((image) => image !== undefined),
    manifests: gather.manifests,
    failures,
  };
}

const MOST_REFERRERS = 1_000;

function createGather({ platforms, withReferrers }: GatherOptions, context: DumpContext) {
  const manifests = new Map<Digest, FetchedManifest>();
  let keptBytes = 0;
  const outages = new Map<ImageSource, Error>();
  const run = <T>(source: ImageSource, what: string, work: () => Promise<T>): Promise<T> =>
    context.lanes.run(async (lane) => {
      context.signal.throwIfAborted();
      // Thousands of images would each be tried for minutes.
      const outage = outages.get(source);
      if (outage !== undefined) throw outage;
      try {
        return await context.retrier.run(what, work, lane);
      } catch (error) {
        if (isOutage(error)) outages.set(source, error);
        throw error;
      }
    });

  const fetch = ({ source, repository }: BlobPlace, reference: string, expected?: Descriptor) =>
    run(source, `${repository}: ${reference}`, () =>
      fetchManifest(source.link, repository, reference, expected),
    );

  const keep = ({ digest, mediaType, bytes }: PulledManifest, place: BlobPlace): FetchedManifest => {
    const read = readManifestParts(bytes, mediaType);
    if (!read.ok)
      throw new WrongContentError(
        `${place.source.link.url.host}, ${place.repository}, ${digest}: ${read.reason}`,
      );
    const found = { bytes, parts: read.parts };
    if (!manifests.has(digest)) keptBytes += bytes.length;
    // Nobody could read a bundle with more.
    if (keptBytes > BUNDLE_LIMITS.keptBytes)
      throw new WrongContentError(
        `manifests of more than ${BUNDLE_LIMITS.keptBytes} bytes: make several bundles`,
      );
    manifests.set(digest, found);
    return found;
  };

  /** All below a manifest that is wanted. */
  const follow = async (place: BlobPlace, { parts }: FetchedManifest, depth = 0): Promise<void> => {
    if (depth > BUNDLE_LIMITS.indexDepth) throw new WrongContentError("indexes in indexes without end");
    const { taken } = chooseChildren(parts.manifests, platforms);
    if (taken.length === 0 && parts.manifests.length > 0) throw new NoPlatformError(parts.manifests);
    await Promise.all(taken.map((child) => followOne(place, child, depth + 1)));
  };

  const followOne = async (place: BlobPlace, child: Descriptor, depth = 0): Promise<void> => {
    if (manifests.has(child.digest)) return;
    const pulled = await fetch(place, child.digest, child);
    const type = pulled.mediaType === "" ? child.mediaType : pulled.mediaType;
    await follow(place, keep({ ...pulled, mediaType: type }, place), depth);
  };

  /** Of a manifest and all of its children, and of these. */
  const referrersOf = async (place: BlobPlace, top: Digest): Promise<readonly Descriptor[]> => {
    const found = new Map<Digest, Descriptor>();
    const seen = new Set<Digest>();
    for (const pending = [top]; pending.length > 0; ) {
      const subject = pending.pop();
      if (subject === undefined || seen.has(subject)) continue;
      seen.add(subject);
      const { source, repository } = place;
      const listed = await run(source, `${repository}: ${subject}`, () =>
        fetchReferrers(source.link, repository, subject, source.ways),
      );
      for (const one of listed) {
        if (found.size >= MOST_REFERRERS) return [...found.values()];
        await followOne(place, one);
        found.set(one.digest, one);
      }
      const children = manifests.get(subject)?.parts.manifests ?? [];
      pending.push(...listed.map(({ digest }) => digest));
      pending.push(...children.map(({ digest }) => digest).filter((digest) => manifests.has(digest)));
    }
    return [...found.values()];
  };

  return {
    manifests,
    async image(name: string): Promise<DumpImage> {
      const parsed = parseImageReference(name.includes("@") ? name.slice(0, name.indexOf("@")) : name);
      if (!parsed.ok) throw new WrongContentError(parsed.message);
      const { namespace, repository, target } = parsed.reference;
      const source = await context.sourceFor(namespace);
      const from = `${source.host}/${repository}`;
      const place: BlobPlace = { source, repository: source.repositoryOf(repository) };
      const tag = target.kind === "tag" ? target.tag : target.digest;
      const pulled = await fetch(place, digestInName(name) ?? tag);
      const found = keep(pulled, place);
      await follow(place, found);
      const top = {
        mediaType: found.parts.mediaType,
        digest: pulled.digest,
        size: pulled.bytes.length,
      };
      return { name, from, top, referrers: withReferrers ? await referrersOf(place, top.digest) : [] };
    },
  };
}

/** An image has none of the platforms that are wanted. */
export class NoPlatformError extends Error {
  override readonly name = "NoPlatformError";
  constructor(children: readonly Descriptor[]) {
    const there = children.map(({ platform }) => platformName(platform)).filter((one) => one !== undefined);
    super(`it is for none of the platforms that were asked for; there are ${[...new Set(there)].join(", ")}`);
  }
}
