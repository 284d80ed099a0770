import { setTimeout as sleep } from "node:timers/promises";
import { connectRegistry, pingRegistry } from "../../src/bundle/registry/connect-registry.ts";
import { createRetrier } from "../../src/bundle/registry/retrier.ts";
import type { UploadWays } from "../../src/bundle/registry/upload-blob.ts";
import { pushImages } from "../../src/bundle/upload/push-images.ts";
import { readImageTrees } from "../../src/bundle/upload/read-image-trees.ts";
import type { PushLogin } from "../../src/core/bundle/push/docker-logins.ts";
import { createLanes } from "../../src/core/bundle/push/lanes.ts";
import { planPush } from "../../src/core/bundle/push/plan-push.ts";
import type { ImageResult, PushEvent } from "../../src/core/bundle/push/push-event.ts";
import type { TlsMaterial } from "../../src/core/containerd/pull/tls-material.ts";
import type { MemoryBundle } from "./memory-bundle.ts";

export interface PushBundleOptions {
  readonly namespace?: string;
  readonly tls?: TlsMaterial;
  readonly login?: PushLogin;
  readonly threads?: number;
  readonly deep?: boolean;
  readonly ways?: UploadWays;
  readonly environment?: Readonly<Record<string, string>>;
  readonly name?: string;
}

export interface PushedBundle {
  readonly results: readonly ImageResult[];
  readonly events: readonly PushEvent[];
}

/** Pushes a bundle with the parts that the command is made of; waits before another try are cut to a hundredth. */
export async function pushBundle(
  url: string,
  { bundle, source }: MemoryBundle,
  options: PushBundleOptions = {},
): Promise<PushedBundle> {
  const { namespace = "", tls = { skipVerify: false }, login, threads = 4, deep = false } = options;
  const events: PushEvent[] = [];
  const emit = (event: PushEvent): void => void events.push(event);
  const abort = new AbortController();
  let skewMs = 0;
  const registry = connectRegistry({
    url: new URL(url),
    tls,
    loginFor: async () => login,
    environment: options.environment ?? {},
    root: "",
    now: Date.now,
    signal: abort.signal,
  });
  const plan = planPush(await readImageTrees({ bundle, source }), {
    namespace,
    allowNewDigest: false,
    ...(options.name === undefined ? {} : { name: options.name }),
  });
  if (plan.problems.length > 0) throw new Error(plan.problems.join("\n"));
  try {
    await pingRegistry(registry.link, plan.images[0]?.repository ?? "");
    const results = await pushImages(plan.images, {
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
      source,
      namespace,
      emit,
      deep,
      allowNewDigest: false,
      stop: () => abort.abort(),
      signal: abort.signal,
    });
    return { results, events };
  } finally {
    registry.close();
  }
}
