import { statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { joinBundles } from "../bundle/join-bundles.ts";
import { isAtRest, openBlobs } from "../bundle/read/open-blobs.ts";
import { openBundle } from "../bundle/read/open-bundle.ts";
import { createFileReader } from "../bundle/read/read-files.ts";
import { AnswerError } from "../bundle/registry/answer-error.ts";
import { connectRegistry, pingRegistry } from "../bundle/registry/connect-registry.ts";
import { createLoginFinder, LoginError, loginFiles } from "../bundle/registry/find-login.ts";
import { certificateDirectories, readTlsFiles } from "../bundle/registry/read-tls-files.ts";
import { createRetrier } from "../bundle/registry/retrier.ts";
import { describePushFailure } from "../bundle/upload/describe-push-failure.ts";
import { pushImages } from "../bundle/upload/push-images.ts";
import { type OpenBundle, readImageTrees } from "../bundle/upload/read-image-trees.ts";
import { surveyImages } from "../bundle/upload/survey-images.ts";
import { BadBlobError } from "../bundle/upload/verified-bytes.ts";
import type { PushOptions } from "../cli/push-commands.ts";
import type { PushDeps, PushLoginGiven, PushRegistry } from "../cli/push-registry.ts";
import type { PushWish } from "../cli/read-push-options.ts";
import { BundleError } from "../core/bundle/bundle-error.ts";
import type { Problem } from "../core/bundle/gathered.ts";
import type { PushLogin } from "../core/bundle/push/docker-logins.ts";
import { createLanes } from "../core/bundle/push/lanes.ts";
import type { PushEvent } from "../core/bundle/push/push-event.ts";
import { recogniseNature } from "../core/bundle/recognise-nature.ts";
import type { Nature } from "../core/bundle/scan.ts";
import { BLOCK } from "../core/bundle/tar/parse-header.ts";
import { askPassword } from "../host/ask-password.ts";
import { RegistryError } from "../registry/registry-error.ts";
import { readStandardInput } from "./read-standard-input.ts";

export const MAX_PASSWORD_BYTES = 64 * 1024;

export function pushDeps(): PushDeps {
  return {
    async open(sources) {
      const found = [];
      for (const source of sources) found.push(await openAtRest(source));
      const opened = joinBundles(found);
      return {
        trees: await readImageTrees(opened),
        problems: found.flatMap(({ bundle }) =>
          bundle.problems.filter(isInTheWay).map(({ message }) => message),
        ),
        connect: (wish, options, login) => connect(opened, wish, options, login),
      };
    },
    explain,
    readStandardInput: async () => (await readStandardInput(MAX_PASSWORD_BYTES))?.split(/\r?\n/, 1)[0] ?? "",
    askPassword,
    place: {
      isTerminal: process.stderr.isTTY === true,
      columns: process.stderr.columns ?? 80,
      now: () => performance.now(),
      every(ms, call) {
        const timer = setInterval(call, ms);
        return () => clearInterval(timer);
      },
    },
  };
}

async function openAtRest(source: string) {
  const once = (what: string): BundleError =>
    new BundleError(
      "unsupported",
      `${source} is ${what}, which can be read once only: unpack it, and push the folder or the plain .tar`,
    );
  if (source === "-") throw once("a stream");
  const nature = await natureOf(source);
  if (nature !== undefined && nature !== "tar" && nature !== "other") throw once(`compressed by ${nature}`);
  const { bundle, container } = await openBundle(source, { stdin: process.stdin, hashAll: false });
  if (!isAtRest(bundle)) throw once(`a ${container} with compressed archives in it`);
  return { bundle, source: openBlobs(bundle) };
}

/** Of a file; before all of it would be read in vain. */
async function natureOf(source: string): Promise<Nature | undefined> {
  if (statSync(source, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
  const files = createFileReader();
  try {
    return recogniseNature(await files.read({ path: source }, 0, BLOCK));
  } finally {
    await files.close();
  }
}

/** What is missing may be at the registry, which is asked; all else that is wrong would be left out silently. */
function isInTheWay({ severity, code }: Problem): boolean {
  return severity === "error" && code !== "missing-blob" && code !== "missing-manifest";
}

async function connect(
  { source }: OpenBundle,
  { target, threads, chunkBytes }: PushWish,
  options: PushOptions,
  given: PushLoginGiven,
): Promise<PushRegistry> {
  const { host, namespace, protocol } = target;
  const { root, cacert = [], certDir, insecure = false, deep = false } = options;
  const abort = new AbortController();
  const { signal } = abort;
  const registry = connectRegistry({
    url: new URL(`${protocol}//${host}`),
    tls: readTlsFiles({
      caFiles: cacert,
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
  await pingRegistry(link, namespace);
  const share = (emit: (event: PushEvent) => void) => ({
    link,
    retrier: createRetrier({
      now: Date.now,
      random: Math.random,
      pause: (ms) => sleep(ms, undefined, { signal }),
      onRetry: (retry) => emit({ kind: "retry", ...retry }),
    }),
    lanes: createLanes(threads, (limit) => emit({ kind: "concurrency", limit })),
  });
  return {
    push: (images, emit) =>
      pushImages(images, {
        ...share(emit),
        ways: { chunkBytes, patchFirst: false },
        source,
        namespace,
        emit,
        deep,
        allowNewDigest: options.allowNewDigest === true,
        stop: () => abort.abort(),
        signal,
      }),
    survey: (images) =>
      surveyImages(
        images,
        share(() => {}),
      ),
    close: registry.close,
  };
}

export function loginFinder(
  given: PushLoginGiven,
  host: string,
  dockerConfig: string | undefined,
): (repository: string) => Promise<PushLogin | undefined> {
  if (given.kind === "none") return async () => undefined;
  if (given.kind === "stored")
    return createLoginFinder({ files: loginFiles(dockerConfig, process.env) }, host);
  const { username, password } = given;
  return async () => ({ kind: "login", username, password });
}

function explain(error: unknown): string {
  const isSystems = error instanceof Error && "syscall" in error;
  const isKnown =
    error instanceof RegistryError ||
    error instanceof AnswerError ||
    error instanceof BadBlobError ||
    error instanceof BundleError ||
    error instanceof LoginError;
  if (!isKnown && !isSystems) throw error;
  return describePushFailure(error);
}
