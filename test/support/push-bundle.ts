import { setTimeout as sleep } from "node:timers/promises";
import { noJournal, type PushJournal } from "../../src/bundle/journal/push-journal.ts";
import type { PassContext } from "../../src/bundle/passing/hold-blob.ts";
import { connectRegistry, pingRegistry } from "../../src/bundle/registry/connect-registry.ts";
import type { FindLogin } from "../../src/bundle/registry/find-login.ts";
import { createRetrier } from "../../src/bundle/registry/retrier.ts";
import type { UploadWays } from "../../src/bundle/registry/upload-blob.ts";
import { pushImages } from "../../src/bundle/upload/push-images.ts";
import { type OpenBundle, readImageTrees } from "../../src/bundle/upload/read-image-trees.ts";
import type { PushLogin } from "../../src/core/bundle/push/docker-logins.ts";
import { createLanes } from "../../src/core/bundle/push/lanes.ts";
import { type PlannedImage, planPush } from "../../src/core/bundle/push/plan-push.ts";
import type { ImageResult, PushEvent } from "../../src/core/bundle/push/push-event.ts";
import type { TlsMaterial } from "../../src/core/containerd/pull/tls-material.ts";
import type { MemoryBundle } from "./memory-bundle.ts";

export interface PushBundleOptions {
  readonly namespace?: string;
  readonly tls?: TlsMaterial;
  readonly login?: PushLogin;
  /** In place of `login`. */
  readonly loginFor?: FindLogin;
  readonly threads?: number;
  readonly deep?: boolean;
  readonly ways?: UploadWays;
  readonly environment?: Readonly<Record<string, string>>;
  readonly name?: string;
  readonly allowNewDigest?: boolean;
  readonly journal?: PushJournal;
}

export interface PushedBundle {
  readonly results: readonly ImageResult[];
  readonly events: readonly PushEvent[];
}

/** Pushes a bundle with the parts that the command is made of; waits before another try are cut to a hundredth. */
export async function pushBundle(
  url: string,
  bundle: MemoryBundle,
  options: PushBundleOptions = {},
): Promise<PushedBundle> {
  const { context, events, close } = connectForPush(url, options);
  const images = await planFor(bundle, options);
  try {
    await pingRegistry(context.link, context.retrier, images[0]?.repository ?? "");
    return { results: await pushImages(images, { ...context, source: bundle.source }), events };
  } finally {
    close();
  }
}

/** Throws what the plan complains of. */
export async function planFor(
  bundle: OpenBundle,
  { namespace = "", name, allowNewDigest = false }: PushBundleOptions,
): Promise<readonly PlannedImage[]> {
  const plan = planPush(await readImageTrees(bundle), {
    namespace,
    allowNewDigest,
    ...(name === undefined ? {} : { name }),
  });
  const wrong = [...plan.problems, ...plan.leftOut];
  if (wrong.length > 0) throw new Error(wrong.join("\n"));
  return plan.images;
}

/** What pushes to a registry share. */
export function connectForPush(
  url: string,
  options: PushBundleOptions,
): { readonly context: PassContext; readonly events: readonly PushEvent[]; close(): void } {
  const { tls = { skipVerify: false }, login, threads = 4, deep = false } = options;
  const events: PushEvent[] = [];
  const emit = (event: PushEvent): void => void events.push(event);
  const abort = new AbortController();
  let skewMs = 0;
  const registry = connectRegistry({
    url: new URL(url),
    tls,
    loginFor: options.loginFor ?? (async () => login),
    environment: options.environment ?? {},
    root: "",
    now: Date.now,
    signal: abort.signal,
  });
  const context: PassContext = {
    link: registry.link,
    retrier: createRetrier({
      now: () => Date.now() + skewMs,
      random: Math.random,
      pause: async (ms) => {
        skewMs += ms;
        await sleep(Math.ceil(ms / 100), undefined, { signal: abort.signal });
      },
      onRetry: (retry) => emit({ kind: "retry", ...retry }),
    }),
    lanes: createLanes(threads, (limit) => emit({ kind: "concurrency", limit })),
    ways: options.ways ?? { chunkBytes: undefined, patchFirst: false },
    journal: options.journal ?? noJournal,
    emit,
    deep,
    namespace: options.namespace ?? "",
    allowNewDigest: options.allowNewDigest ?? false,
    stop: () => abort.abort(),
    signal: abort.signal,
  };
  return { context, events, close: registry.close };
}
