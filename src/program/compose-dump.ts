import { statfs } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { DumpContext } from "../bundle/download/dump-context.ts";
import { dumpImages } from "../bundle/download/dump-images.ts";
import { type GatheredImages, gatherImages, NoPlatformError } from "../bundle/download/gather-images.ts";
import { LostBlobError } from "../bundle/download/lost-blob.ts";
import { openBundle } from "../bundle/read/open-bundle.ts";
import { AnswerError } from "../bundle/registry/answer-error.ts";
import { describePullFailure } from "../bundle/registry/describe-failure.ts";
import { LoginError } from "../bundle/registry/find-login.ts";
import { createRetrier, ExhaustedError } from "../bundle/registry/retrier.ts";
import { WrongContentError } from "../bundle/registry/wrong-content.ts";
import { createFileOutput, findOutputPlace, MOST_PARTS } from "../bundle/write/bundle-output.ts";
import { findReplaced } from "../bundle/write/find-replaced.ts";
import { createStreamOutput } from "../bundle/write/stream-output.ts";
import { WriteError } from "../bundle/write/write-error.ts";
import type { Interrupt } from "../cli/command.ts";
import type { DumpOptions } from "../cli/dump-commands.ts";
import type { DumpDeps, DumpSession, GatheredDump } from "../cli/dump-deps.ts";
import type { LoginGiven } from "../cli/find-login.ts";
import type { DumpWish } from "../cli/read-dump-options.ts";
import { BundleError } from "../core/bundle/bundle-error.ts";
import { listHoldings } from "../core/bundle/dump/list-holdings.ts";
import { type DumpInput, planDump } from "../core/bundle/dump/plan-dump.ts";
import { sizeImages } from "../core/bundle/dump/size-images.ts";
import { formatBytes, formatDuration } from "../core/bundle/push/format-amount.ts";
import { createLanes } from "../core/bundle/push/lanes.ts";
import { askPassword } from "../host/ask-password.ts";
import { RegistryError } from "../registry/registry-error.ts";
import { checkOptionFiles } from "./check-option-files.ts";
import { MAX_PASSWORD_BYTES } from "./compose-push.ts";
import { createSources } from "./dump-sources.ts";
import { onInterrupt } from "./on-interrupt.ts";
import { readStandardInput } from "./read-standard-input.ts";
import { readTextFile } from "./read-text-file.ts";

export function dumpDeps(): DumpDeps {
  const { stdout, stderr } = process;
  let older: Promise<OlderBundle> | undefined;
  // Once, also where the bundle is begun anew: it may be as large, or come by on standard input.
  const readSince = (path: string, signal: AbortSignal): Promise<OlderBundle> => {
    older ??= readOlder(path, signal);
    return older;
  };
  return {
    readList: readTextFile,
    findReplaced,
    isTerminal: stdout.isTTY === true,
    open: (wish, options, login, onRetry) => openSession({ wish, options, login, readSince }, onRetry),
    explain,
    isUnreachable: (error) =>
      error instanceof RegistryError || (error instanceof ExhaustedError && error.isUnreachable),
    lostBlob: (error) => (error instanceof LostBlobError ? error : undefined),
    checkFiles: checkOptionFiles,
    readStandardInput: async () => (await readStandardInput(MAX_PASSWORD_BYTES))?.split(/\r?\n/, 1)[0] ?? "",
    askPassword,
    now: () => performance.now(),
    progressColumns: stderr.isTTY === true ? (stderr.columns ?? 80) : undefined,
  };
}

/** Waits that are longer are told. */
const LONG_WAIT_MS = 2_000;

interface Wanted {
  readonly wish: DumpWish;
  readonly options: DumpOptions;
  readonly login: LoginGiven;
  readonly readSince: (path: string, signal: AbortSignal) => Promise<OlderBundle>;
}

function openSession(
  { wish, options, login, readSince }: Wanted,
  onRetry: (line: string) => void,
): DumpSession {
  const abort = new AbortController();
  const { signal } = abort;
  const sources = createSources(wish, options, login, signal);
  const context: DumpContext = {
    sourceFor: sources.sourceFor,
    retrier: createRetrier({
      now: Date.now,
      random: Math.random,
      pause: (ms) => sleep(ms, undefined, { signal }),
      onRetry: ({ delayMs, reason }) => {
        if (delayMs >= LONG_WAIT_MS) onRetry(`again in ${formatDuration(delayMs)}: ${reason}`);
      },
    }),
    lanes: createLanes(wish.threads),
    signal,
  };
  const gathered = new WeakMap<GatheredDump, GatheredImages>();
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
  const plan: DumpSession["plan"] = async (names, onProgress) => {
    const since = options.since === undefined ? undefined : await readSince(options.since, signal);
    const found = await gatherImages(
      names,
      { platforms: wish.platforms, withReferrers: options.referrers, onProgress },
      context,
    );
    signal.throwIfAborted();
    const platforms = options.platform ?? [];
    const plan = planDump({ images: found.images, manifests: found.manifests, platforms, since });
    const referrers = new Set(found.images.flatMap((image) => image.referrers.map(({ digest }) => digest)));
    const result: GatheredDump = {
      plan,
      images: sizeImages(found, plan),
      referrers: referrers.size,
      failures: found.failures,
    };
    gathered.set(result, found);
    return result;
  };
  const write: DumpSession["write"] = async (planned, onProgress) => {
    const found = gathered.get(planned);
    if (found === undefined) throw new Error("planned elsewhere");
    const { splitBytes, compression } = wish;
    const path = wish.output === "-" ? "-" : await findOutputPlace(wish.output);
    if (splitBytes !== undefined && planned.plan.size > splitBytes * MOST_PARTS)
      throw new WriteError(`${path}: more than ${MOST_PARTS} parts: add a larger --split-size`);
    if (path !== "-") await refuseWithoutSpace(path, compression === "none" ? planned.plan.size : 0);
    const output =
      path === "-"
        ? createStreamOutput(process.stdout, "standard output")
        : createFileOutput(path, splitBytes);
    return dumpImages(
      {
        plan: planned.plan,
        placeOf: found.placeOf,
        compression,
        output,
        onProgress,
        stop: () => abort.abort(),
      },
      context,
    );
  };
  return {
    plan: (names, onProgress) => orStopped(plan(names, onProgress)),
    write: (planned, onProgress) => orStopped(write(planned, onProgress)),
    interrupt: () => signalled,
    close() {
      forget();
      sources.close();
    },
  };
}

class StoppedError extends Error {
  override readonly name = "StoppedError";
  constructor() {
    super("interrupted");
  }
}

type OlderBundle = NonNullable<DumpInput["since"]>;

async function readOlder(path: string, signal: AbortSignal): Promise<OlderBundle> {
  const { bundle } = await openBundle(path, { stdin: process.stdin, hashAll: false, signal });
  return { name: basename(path), blobs: listHoldings(bundle) };
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

function explain(error: unknown): string {
  if (error instanceof LostBlobError) return explain(error.cause);
  const isKnown =
    error instanceof RegistryError ||
    error instanceof AnswerError ||
    error instanceof ExhaustedError ||
    error instanceof WrongContentError ||
    error instanceof NoPlatformError ||
    error instanceof WriteError ||
    error instanceof BundleError ||
    error instanceof LoginError ||
    error instanceof StoppedError;
  const isSystems = error instanceof Error && "syscall" in error;
  if (!isKnown && !isSystems) throw error;
  return describePullFailure(error);
}
