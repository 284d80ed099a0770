import type { Digest } from "../../core/bundle/bundle.ts";
import { BundleError } from "../../core/bundle/bundle-error.ts";
import type { LeftOver } from "../../core/bundle/push/left-over.ts";
import { type PassingBlob, promisedBlob } from "../../core/bundle/push/passing-blob.ts";
import type { PlannedImage } from "../../core/bundle/push/plan-push.ts";
import type { ImageResult } from "../../core/bundle/push/push-event.ts";
import type { OpenedBundle, OpenOptions } from "../read/open-bundle.ts";
import { type MountProbe, probeMounts } from "../registry/probe-mounts.ts";
import type { KnownBlob, RepositoryBlob } from "../upload/push-context.ts";
import { pushImages } from "../upload/push-images.ts";
import type { OpenBundle } from "../upload/read-image-trees.ts";
import { createBlobHomes } from "./blob-homes.ts";
import { cleanStaging } from "./clean-staging.ts";
import { createDirectBlobs } from "./direct-blobs.ts";
import { fetchStored } from "./fetch-stored.ts";
import type { PassContext } from "./hold-blob.ts";
import { listMissing } from "./list-missing.ts";
import { isOpenIn, wantedBlobs } from "./missing-blobs.ts";
import { joinPassing, type PassingSource } from "./open-passing.ts";
import { createBlobTaker, type WantedBlob, type Wants } from "./take-blobs.ts";

/** Bundles of which content goes by in streams. */
export interface PassingBundles {
  /** Goes through all of them. */
  read(options: Pick<OpenOptions, "take" | "signal">): Promise<readonly OpenedBundle[]>;
  /** False: one of them is standard input. */
  readonly isRepeatable: boolean;
}

export interface PassingOptions {
  /** A repository for what goes by before anybody knows where it belongs: of this push alone. */
  readonly staging: string;
  /** Others of that kind, which pushes before this one may not have emptied, and that none uses. */
  readonly abandoned?: readonly string[];
  /** As `planPush` takes it. */
  readonly name?: string | undefined;
}

/** A push of bundles that are not at rest. */
export interface PassingPush {
  /** Goes through the bundles, and sends what may be of use. Throws BundleError, or what ends the push. */
  read(): Promise<PassedBundles>;
  push(images: readonly PlannedImage[]): Promise<readonly ImageResult[]>;
  /** However it ended: empties what blobs passed through. Returns as `cleanStaging`. */
  clean(isWhole: boolean): Promise<LeftOver | undefined>;
}

export interface PassedBundles extends OpenBundle {
  readonly source: PassingSource;
  readonly bundles: readonly OpenedBundle[];
}

/** More often images are not pushed again for what did not get to the registry. */
const MOST_ROUNDS = 3;
/** More often a bundle is not gone through for what is missing before images are pushed. */
const MOST_PASSES = 16;

/**
 * Streams bundles to a registry. What belongs to an image whose manifest has gone by before is sent where it belongs.
 * What else may be a blob goes to a staging repository while it goes by, and is mounted where it belongs when the list of
 * images has come, often as the last of all. Where the registry does not mount, or something did not get there, the
 * bundles are gone through again for what is missing; where they cannot be, it is fetched from where the registry has it,
 * the staging repository among others.
 */
export function createPassingPush(
  bundles: PassingBundles,
  given: PassContext,
  { staging, abandoned = [], name }: PassingOptions,
): PassingPush {
  const homes = createBlobHomes();
  const brought = new Set<string>();
  const staged = new Set<Digest>();
  const context: PassContext = {
    ...given,
    emit(event) {
      if (event.kind === "blob-end" && event.end !== undefined) {
        if (event.end !== "there") brought.add(keyOf(event));
        if (event.repository === staging) staged.add(event.digest);
      }
      given.emit(event);
    },
  };
  const direct = createDirectBlobs(context, homes, name);
  let probe: Promise<MountProbe> | undefined;
  let mounts = true;
  let stages = false;
  let refusal: BundleError | undefined;
  let passed: PassedBundles | undefined;

  /** Where a file goes before the images are known that need it. */
  const stagingFor = async ({ digest }: PassingBlob): Promise<WantedBlob | undefined> => {
    const isFirst = probe === undefined;
    probe ??= probeMounts(context.link, context.retrier, context.ways, staging);
    const found = await probe;
    mounts = found.mounts;
    stages = found.mounts || found.stages;
    if (found.mounts) return { digest, repositories: [staging] };
    if (bundles.isRepeatable) return undefined;
    if (found.stages) {
      if (isFirst) context.emit({ kind: "sent-twice", why: found.why });
      return { digest, repositories: [staging] };
    }
    refusal = onceOnly(staging, found.why);
    throw refusal;
  };

  const knownBlobs = (): readonly KnownBlob[] =>
    homes.list().map((blob) => ({ ...blob, isNew: brought.has(keyOf(blob)) }));

  const pass = async (wants: Wants): Promise<readonly OpenedBundle[]> => {
    const taker = createBlobTaker(context, wants);
    const ended = await bundles.read({ take: taker, signal: context.signal }).then(
      (found) => ({ found }),
      (error: unknown) => ({ error }),
    );
    homes.learn((await taker.settle()).values());
    // In an archive in the archive it was taken for something that is wrong with that.
    if (refusal !== undefined) throw refusal;
    if ("error" in ended) throw ended.error;
    return ended.found;
  };

  /** Goes through the bundles for what is missing as long as that gets less. True: more is there, or may be. */
  const passForMissing = async (
    { source }: PassedBundles,
    images: readonly PlannedImage[],
    isOpen: (blob: RepositoryBlob) => boolean,
    oneEach: boolean,
  ): Promise<boolean> => {
    const mayBring = ({ digest }: RepositoryBlob): boolean =>
      source.isGone(digest) && !homes.isHopeless(digest);
    let before = Number.POSITIVE_INFINITY;
    let hasFound = false;
    for (let passes = 0; passes < MOST_PASSES; passes++) {
      const { missing, there } = await listMissing(images, context, (blob) => mayBring(blob) && isOpen(blob));
      homes.add(there);
      hasFound ||= there.length > 0;
      if (missing.length === 0 || missing.length >= before) break;
      before = missing.length;
      const wanted = wantedBlobs(missing, source, oneEach);
      await pass({ of: ({ place }) => wanted.get(place) });
    }
    return hasFound || before !== Number.POSITIVE_INFINITY;
  };

  return {
    async read() {
      const found = await pass({
        learn: direct.learn,
        async of({ path }, head) {
          const blob = promisedBlob(path, head);
          if (blob === undefined) return undefined;
          const known = blob.digest === undefined ? "unknown" : await direct.find(blob.digest);
          return known === "unknown" ? stagingFor(blob) : known;
        },
      });
      const fetch = bundles.isRepeatable ? {} : { fetch: fetchStored(context, homes) };
      passed = { ...joinPassing(found, { failureOf: homes.failureOf, ...fetch }), bundles: found };
      return passed;
    },
    async push(images) {
      if (passed === undefined) throw new Error("the bundles have not been read");
      const results = new Map<PlannedImage, ImageResult>();
      const emit: PassContext["emit"] = (event) => {
        if (event.kind !== "image-end" || event.result !== "failed") context.emit(event);
      };
      for (let round = 1; round <= (bundles.isRepeatable ? MOST_ROUNDS : 1); round++) {
        const left = images.filter((image) => !isSettled(results.get(image)));
        const mayMount = mounts && round === 1;
        if (bundles.isRepeatable) {
          const { missed } = passed.source;
          const isOpen =
            round === 1
              ? isOpenIn(homes, mayMount)
              : (blob: RepositoryBlob) => missed.has(blob.digest) && isOpenIn(homes, false)(blob);
          const going = passForMissing(passed, left, isOpen, mayMount);
          // Images have been pushed: what is wrong with the bundle now is no reason not to tell of them.
          if (round > 1 && !(await going.catch(() => false))) break;
          await going;
        }
        const shared = {
          ...context,
          emit,
          source: passed.source,
          known: knownBlobs(),
          givenUp: homes.givenUp,
        };
        const ended = await pushImages(left, shared);
        for (const [at, image] of left.entries()) results.set(image, ended[at] as ImageResult);
      }
      // What may still have come to a good end is told now.
      for (const result of results.values())
        if (result.result === "failed") context.emit({ kind: "image-end", ...result });
      return images.map((image) => results.get(image) as ImageResult);
    },
    async clean(isWhole) {
      const stagings = [
        { repository: staging, isProbed: stages, sent: [...staged] },
        ...abandoned.map((repository) => ({ repository, isProbed: false, sent: [] })),
      ];
      return cleanStaging(stagings, context, homes, isWhole);
    },
  };
}

function keyOf({ repository, digest }: RepositoryBlob): string {
  return `${repository}@${digest}`;
}

function isSettled(result: ImageResult | undefined): boolean {
  return result !== undefined && result.result !== "failed";
}

function onceOnly(staging: string, why: string): BundleError {
  return new BundleError(
    "unsupported",
    `standard input comes by once, and in this bundle layers come before what tells where they belong; the registry does not let them wait in ${staging} (${why}): give the login the right to push there, or put the bundle into a file and push that`,
  );
}
