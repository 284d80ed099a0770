import { statSync } from "node:fs";
import { sourceIdentity } from "../bundle/journal/source-identity.ts";
import { joinPassing } from "../bundle/passing/open-passing.ts";
import { createPassingPush } from "../bundle/passing/passing-push.ts";
import { recallImages } from "../bundle/passing/recall-images.ts";
import { findParts } from "../bundle/read/find-parts.ts";
import type { OpenOptions } from "../bundle/read/open-bundle.ts";
import { createFileReader } from "../bundle/read/read-files.ts";
import { readImageTrees } from "../bundle/upload/read-image-trees.ts";
import type { PushOptions } from "../cli/push-commands.ts";
import type { PassingBundles, PassingRegistry } from "../cli/push-registry.ts";
import type { PushTarget } from "../core/bundle/push/push-target.ts";
import { recogniseNature } from "../core/bundle/recognise-nature.ts";
import { BLOCK } from "../core/bundle/tar/parse-header.ts";
import { connectPush, type PushConnection } from "./connect-push.ts";
import { readBundles } from "./read-bundles.ts";
import { problemsOf, restingBundles } from "./resting-bundles.ts";

/** Whether what is in a source can be had in its order only: it is compressed, or no file. */
export async function comesByOnce(source: string): Promise<boolean> {
  if (source === "-") return true;
  const parts = (await findParts(source))?.parts;
  const stats = statSync(source, { throwIfNoEntry: false });
  if (parts === undefined) {
    if (stats === undefined || stats.isDirectory()) return false;
    if (!stats.isFile()) return true;
  }
  const files = createFileReader();
  try {
    const file = parts === undefined ? { path: source } : { path: source, parts };
    const nature = recogniseNature(await files.read(file, 0, BLOCK));
    return nature !== "tar" && nature !== "other";
  } finally {
    await files.close();
  }
}

/** Bundles of which one at least comes by in a stream. */
export function passingBundles(sources: readonly string[]): PassingBundles {
  return {
    kind: "passing",
    async scan(onEvent) {
      const found = await readBundles(sources, onEvent, {});
      return restingBundles(joinPassing(found, { failureOf: () => undefined }), found);
    },
    async connect(wish, options, login) {
      const connection = await connectPush(wish, options, login);
      const isRepeatable = (await Promise.all(sources.map(isFileOrFolder))).every((isOne) => isOne);
      return passingRegistry({ sources, isRepeatable }, wish.target, options, connection);
    },
  };
}

function passingRegistry(
  { sources, isRepeatable }: { readonly sources: readonly string[]; readonly isRepeatable: boolean },
  { namespace }: PushTarget,
  { deep, name, allowNewDigest }: PushOptions,
  { contextOf, journal, claimStaging, warnings, stop, close }: PushConnection,
): PassingRegistry {
  const below = namespace === "" ? STAGING : `${namespace}/${STAGING}`;
  const [staging, ...abandoned] = claimStaging().names.map((own) => `${below}/${own}`);
  return {
    warnings,
    stop,
    close,
    begin(emit) {
      const context = contextOf(emit);
      const read = (options: Pick<OpenOptions, "take" | "signal">) => readBundles(sources, emit, options);
      const push = createPassingPush({ read, isRepeatable }, context, {
        staging: staging ?? below,
        abandoned,
        name,
      });
      const identity = identityOf(sources, { name, allowNewDigest });
      return {
        async recall() {
          const key = deep === true ? undefined : await identity;
          return key === undefined ? undefined : recallImages(journal.doneImages(key), context);
        },
        async read() {
          const passed = await push.read();
          return { trees: await readImageTrees(passed), ...problemsOf(passed.bundles) };
        },
        async push(images, areAll) {
          const results = await push.push(images);
          const isWhole = results.every(({ result }) => result === "pushed" || result === "there");
          const key = await identity;
          // Referrers have no tag by which to see that they are there.
          // What the bundle lacks is nowhere to be asked for.
          const isSimple = images.every(
            ({ referrers, tree }) => referrers.length === 0 && tree.absent.length === 0,
          );
          if (areAll && isWhole && isSimple && key !== undefined)
            journal.noteDone(
              key,
              images.map(({ name: image, repository, tag, tree }) => ({
                name: image,
                repository,
                tag,
                digest: tree.image.top.digest,
                below: tree.manifests.slice(0, -1).map(({ digest }) => digest),
                bytes: tree.blobs.reduce((sum, { size }) => sum + size, 0),
              })),
            );
          return results;
        },
        clean: push.clean,
      };
    },
  };
}

/** Below the namespace: rights to push are given for what is in there. */
const STAGING = "mirrorlet-staging";

async function isFileOrFolder(source: string): Promise<boolean> {
  if (source !== "-" && (await findParts(source)) !== undefined) return true;
  const stats = source === "-" ? undefined : statSync(source, { throwIfNoEntry: false });
  return stats?.isFile() === true || stats?.isDirectory() === true;
}

/** Of all sources and of what changes where images go; undefined: it cannot be told whether they stay the same. */
async function identityOf(
  sources: readonly string[],
  options: Readonly<Record<string, unknown>>,
): Promise<string | undefined> {
  const files = await Promise.all(sources.map(filesOf));
  const all = await Promise.all(files.flat().map(sourceIdentity));
  return all.includes(undefined) ? undefined : [...all, JSON.stringify(options)].join(" ");
}

async function filesOf(source: string): Promise<readonly string[]> {
  const parted = source === "-" ? undefined : await findParts(source);
  return parted === undefined ? [source] : parted.parts.map(({ path }) => path);
}
