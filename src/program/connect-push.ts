import { createHash, randomBytes } from "node:crypto";
import { homedir, hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isRunning } from "../bundle/is-running.ts";
import { claimStaging, type StagingClaim } from "../bundle/journal/claim-staging.ts";
import { openJournal } from "../bundle/journal/open-journal.ts";
import { noJournal, type PushJournal } from "../bundle/journal/push-journal.ts";
import type { PassContext } from "../bundle/passing/hold-blob.ts";
import { connectRegistry, pingRegistry } from "../bundle/registry/connect-registry.ts";
import {
  createLoginFinder,
  type FindLogin,
  LoginError,
  loginFiles,
  pathsWithLogins,
} from "../bundle/registry/find-login.ts";
import { certificateDirectories, readText, readTlsFiles } from "../bundle/registry/read-tls-files.ts";
import { createRetrier, type RetrierOptions, type Retry } from "../bundle/registry/retrier.ts";
import type { LoginGiven } from "../cli/find-login.ts";
import type { PushOptions } from "../cli/push-commands.ts";
import type { PushWish } from "../cli/read-push-options.ts";
import { formatDuration } from "../core/bundle/push/format-amount.ts";
import { createLanes } from "../core/bundle/push/lanes.ts";
import type { PushEvent } from "../core/bundle/push/push-event.ts";
import type { PushTarget } from "../core/bundle/push/push-target.ts";
import { plainText } from "../core/plain-text.ts";
import { RegistryError } from "../registry/registry-error.ts";

/** A registry that has answered and let us in, with what pushes to it share. */
export interface PushConnection {
  readonly warnings: readonly string[];
  readonly journal: PushJournal;
  /** Names of repositories of this push's own, for whoever needs some; free again when this is closed. */
  claimStaging(): StagingClaim;
  contextOf(emit: (event: PushEvent) => void): PassContext;
  stop(): void;
  close(): void;
}

type ConnectionOptions = Pick<
  PushOptions,
  "root" | "cacert" | "certDir" | "dockerConfig" | "insecure" | "deep" | "allowNewDigest"
>;

/** Rejects where the registry cannot be reached, or lets nobody in. */
export async function connectPush(
  { target, threads, chunkBytes }: PushWish,
  options: ConnectionOptions,
  given: LoginGiven,
): Promise<PushConnection> {
  const { host, namespace, protocol } = target;
  const { root, cacert = [], certDir, insecure = false, deep = false, allowNewDigest = false } = options;
  const abort = new AbortController();
  const { signal } = abort;
  const registry = connectRegistry({
    url: new URL(`${protocol}//${host}`),
    tls: readTlsFiles({
      cas: cacert.map(readText),
      directories: certDir === undefined ? certificateDirectories(host, root) : [certDir],
      skipVerify: insecure,
    }),
    loginFor: loginFinder(given, host, options.dockerConfig),
    environment: process.env,
    root,
    now: Date.now,
    signal,
  });
  const { link } = registry;
  const retrierOf = (onRetry: RetrierOptions["onRetry"]) =>
    createRetrier({
      now: Date.now,
      random: Math.random,
      pause: (ms) => sleep(ms, undefined, { signal }),
      onRetry,
    });
  const others = given.kind === "stored" ? pathsWithLogins(storesOf(options), host, namespace) : [];
  await pingRegistry(link, retrierOf(tellOfWait), namespace, others).catch((error: unknown) => {
    throw given.kind === "none" ? asLoginWanted(error) : error;
  });
  const { journal, claim, warnings } = journalOf(target);
  let staging: StagingClaim | undefined;
  const ways = { chunkBytes, patchFirst: false };
  return {
    warnings,
    journal,
    claimStaging() {
      staging ??= claim();
      return staging;
    },
    contextOf: (emit) => ({
      link,
      retrier: retrierOf((retry) => emit({ kind: "retry", ...retry })),
      lanes: createLanes(threads, (limit) => emit({ kind: "concurrency", limit })),
      ways,
      journal,
      emit,
      namespace,
      deep,
      allowNewDigest,
      stop: () => abort.abort(),
      signal,
    }),
    stop: () => abort.abort(),
    close() {
      staging?.release();
      registry.close();
    },
  };
}

/** Nothing is shown yet that could tell it. */
function tellOfWait({ what, failed, delayMs, reason }: Retry): void {
  const wait = formatDuration(delayMs);
  process.stderr.write(
    `mirrorlet: ${plainText(`${what} is tried again in ${wait} (failed ${failed} times): ${reason}`)}\n`,
  );
}

/** The advice to give a login would be at odds with the option that forbids it. */
function asLoginWanted(error: unknown): unknown {
  if (!(error instanceof RegistryError) || error.code !== "no-credentials") return error;
  const fix = "push without --need-credential=false or --no-registry-credential, and with a login";
  return new LoginError(`${error.failure.cause}; ${fix}`);
}

const freshName = (): string => randomBytes(6).toString("hex");
const freshClaim = (): StagingClaim => ({ names: [freshName()], release() {} });
const owner = { host: hostname(), pid: process.pid, isRunning, freshName };

/** Below $XDG_STATE_HOME, a file for each target. */
function journalOf({ protocol, host, namespace }: PushTarget): {
  readonly journal: PushJournal;
  readonly claim: () => StagingClaim;
  readonly warnings: readonly string[];
} {
  const target = `${protocol}//${host}/${namespace}`;
  const { XDG_STATE_HOME: state = "" } = process.env;
  const folder = join(state === "" ? join(homedir(), ".local", "state") : state, "mirrorlet", "push");
  const name = createHash("sha256").update(target).digest("hex").slice(0, 16);
  try {
    const journal = openJournal(join(folder, `${name}.jsonl`), target);
    const claim = (): StagingClaim => {
      try {
        return claimStaging(join(folder, `${name}.staging`), owner);
      } catch {
        return freshClaim(); // A full disk: what is staged then is found by no other push.
      }
    };
    return { journal, claim, warnings: [] };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const warning = `no journal can be kept below ${folder}, so that a push that is broken off may send a little again: ${why}`;
    return { journal: noJournal, claim: freshClaim, warnings: [warning] };
  }
}

export function loginFinder(given: LoginGiven, host: string, dockerConfig: string | undefined): FindLogin {
  if (given.kind === "none") return async () => undefined;
  if (given.kind === "stored") return createLoginFinder(storesOf({ dockerConfig }), host);
  const { username, password } = given;
  return async () => ({ kind: "login", username, password });
}

function storesOf({ dockerConfig }: { readonly dockerConfig?: string | undefined }) {
  return { files: loginFiles(dockerConfig, process.env) };
}
