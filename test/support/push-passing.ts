import { spawnSync } from "node:child_process";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { createPassingPush } from "../../src/bundle/passing/passing-push.ts";
import { openBundle } from "../../src/bundle/read/open-bundle.ts";
import type { LeftOver } from "../../src/core/bundle/push/left-over.ts";
import { connectForPush, type PushBundleOptions, type PushedBundle, planFor } from "./push-bundle.ts";

export type Compressed = "tar" | "gzip" | "xz" | "zstd";

/** An archive as programs write it. */
export function compress(tar: Uint8Array, by: Compressed): Uint8Array {
  if (by === "tar") return tar;
  if (by === "gzip") return gzipSync(tar, { level: 1 });
  const [program, ...args] = by === "xz" ? ["xz", "-0", "-c", "--block-size=1MiB"] : ["zstd", "-1", "-c"];
  return spawnSync(program ?? "", args, { input: tar, maxBuffer: 1024 ** 3 }).stdout;
}

export interface PushedPassing extends PushedBundle {
  /** A staging repository that stays. */
  readonly leftOver: LeftOver | undefined;
  /** How often the bundle has been gone through. */
  readonly passes: number;
}

/** Pushes what comes by: a file, again and again if need be, or bytes on standard input, once. */
export async function pushPassing(
  url: string,
  source: string | Uint8Array,
  options: PushBundleOptions & { readonly staging?: string; readonly abandoned?: readonly string[] } = {},
): Promise<PushedPassing> {
  const { context, events, close } = connectForPush(url, options);
  const { namespace = "", abandoned = [] } = options;
  const { staging = `${namespace}${namespace === "" ? "" : "/"}mirrorlet-staging` } = options;
  let passes = 0;
  const push = createPassingPush(
    {
      isRepeatable: typeof source === "string",
      read: async (reading) => {
        passes++;
        const stdin = Readable.from(typeof source === "string" ? [] : pieces(source));
        const path = typeof source === "string" ? source : "-";
        return [await openBundle(path, { ...reading, stdin, hashAll: false })];
      },
    },
    context,
    { staging, abandoned, name: options.name },
  );
  try {
    const images = await planFor(await push.read(), options);
    const results = await push.push(images);
    const isWhole = results.every(({ result }) => result === "pushed" || result === "there");
    return { results, events, leftOver: await push.clean(isWhole), passes };
  } finally {
    close();
  }
}

function pieces(bytes: Uint8Array): readonly Uint8Array[] {
  const size = 64 * 1024;
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
    bytes.subarray(at * size, (at + 1) * size),
  );
}

/** Bytes of blobs that went out, all tries together. */
export function sentBytes({ events }: PushedBundle): number {
  return events.reduce((sum, event) => sum + (event.kind === "blob-end" ? event.sentBytes : 0), 0);
}
