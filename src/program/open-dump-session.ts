import { setMaxListeners } from "node:events";
import { statfs } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { DumpContext } from "../bundle/download/dump-context.ts";
import { dumpImages } from "../bundle/download/dump-images.ts";
import { dumpWhole } from "../bundle/download/dump-whole.ts";
import { findLost } from "../bundle/download/find-lost.ts";
import { gatherImages } from "../bundle/download/gather-images.ts";
import { openBundle } from "../bundle/read/open-bundle.ts";
import { createRetrier } from "../bundle/registry/retrier.ts";
import { createFileOutput, findOutputPlace, MOST_PARTS } from "../bundle/write/bundle-output.ts";
import { createStreamOutput } from "../bundle/write/stream-output.ts";
import { WriteError } from "../bundle/write/write-error.ts";
import type { Interrupt } from "../cli/command.ts";
import type { DumpOptions } from "../cli/dump-commands.ts";
import type { DumpSession } from "../cli/dump-deps.ts";
import type { LoginGiven } from "../cli/find-login.ts";
import type { DumpWish } from "../cli/read-dump-options.ts";
import { listHoldings } from "../core/bundle/dump/list-holdings.ts";
import type { DumpInput } from "../core/bundle/dump/plan-dump.ts";
import { planImages } from "../core/bundle/dump/plan-images.ts";
import { formatBytes, formatDuration } from "../core/bundle/push/format-amount.ts";
import { createLanes } from "../core/bundle/push/lanes.ts";
import { createSources } from "./dump-sources.ts";
import { onInterrupt } from "./on-interrupt.ts";

/** Waits that are longer are told. */
const LONG_WAIT_MS = 2_000;

export function openDumpSession(
  wish: DumpWish,
  options: DumpOptions,
  login: LoginGiven,
  onRetry: (line: string) => void,
): DumpSession {
  const abort = new AbortController();
  const sources = createSources(wish, options, login, abort.signal);
  let signalled: Interrupt | undefined;
  const forget = onInterrupt((name) => {
    signalled = name;
    abort.abort();
  });
  /** What went wrong because of it does not matter. */
  const orStopped = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error) => {
      throw signalled === undefined ? error : new StoppedError();
    });
  /** For work that may be ended by itself. */
  const begin = (): { readonly context: DumpContext; readonly stop: () => void } => {
    const own = new AbortController();
    const signal = AbortSignal.any([abort.signal, own.signal]);
    // Each request that waits to be tried again listens.
    setMaxListeners(0, signal);
    const retrier = createRetrier({
      now: Date.now,
      random: Math.random,
      pause: (ms) => sleep(ms, undefined, { signal }),
      onRetry: ({ delayMs, reason }) => {
        if (delayMs >= LONG_WAIT_MS) onRetry(`again in ${formatDuration(delayMs)}: ${reason}`);
      },
    });
    const { sourceFor } = sources;
    return {
      context: { sourceFor, retrier, lanes: createLanes(wish.threads), signal },
      stop: () => own.abort(),
    };
  };
  let since: DumpInput["since"];
  const readOlder: DumpSession["readOlder"] = async (onProgress) => {
    if (options.since === undefined) return;
    const { bundle } = await openBundle(options.since, {
      stdin: process.stdin,
      hashAll: false,
      onProgress,
      signal: abort.signal,
    });
    since = { name: basename(options.since), blobs: listHoldings(bundle) };
  };
  const plan: DumpSession["plan"] = async (names, onImages) => {
    const { platforms } = wish;
    const { context } = begin();
    const wanted = { platforms, withReferrers: options.referrers, onProgress: onImages };
    const { failures, ...found } = await gatherImages(names, wanted, context);
    abort.signal.throwIfAborted();
    return { ...planImages({ ...found, platforms: options.platform ?? [], since }), failures };
  };
  const write: DumpSession["write"] = async (gathered, { onBytes, onLook, onNews }) => {
    const { splitBytes, compression } = wish;
    const path = wish.output === "-" ? "-" : await findOutputPlace(wish.output);
    const { size } = gathered.plan;
    if (splitBytes !== undefined && size > splitBytes * MOST_PARTS)
      throw new WriteError(`${path}: more than ${MOST_PARTS} parts: add a larger --split-size`);
    if (path !== "-") await refuseWithoutSpace(path, compression === "none" ? size : 0);
    return dumpWhole(gathered, {
      write({ plan }, places) {
        const { context, stop } = begin();
        const output =
          path === "-"
            ? createStreamOutput(process.stdout, "standard output")
            : createFileOutput(path, splitBytes);
        return dumpImages({ plan, places, compression, output, onProgress: onBytes, stop }, context);
      },
      look: ({ plan }, places) => findLost(plan.blobs, places, begin().context, onLook),
      canBeginAnew: path !== "-",
      onNews,
    });
  };
  return {
    readOlder: (onProgress) => orStopped(readOlder(onProgress)),
    plan: (names, onImages) => orStopped(plan(names, onImages)),
    write: (gathered, listener) => orStopped(write(gathered, listener)),
    interrupt: () => signalled,
    close() {
      forget();
      sources.close();
    },
  };
}

export class StoppedError extends Error {
  override readonly name = "StoppedError";
  constructor() {
    super("interrupted");
  }
}

/** Layers hardly get smaller, but nobody knows how much: only of a plain archive the size is known before. */
async function refuseWithoutSpace(path: string, size: number): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(path)).catch(() => ({
    bavail: Number.POSITIVE_INFINITY,
    bsize: 1,
  }));
  const free = bavail * bsize;
  if (free < size)
    throw new WriteError(
      `${path}: the bundle has ${formatBytes(size)}, and there are ${formatBytes(free)} free: free some, or write to another disk`,
    );
}
