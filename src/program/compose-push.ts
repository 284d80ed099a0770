import { joinBundles } from "../bundle/join-bundles.ts";
import { isAtRest, openBlobs } from "../bundle/read/open-blobs.ts";
import { AnswerError } from "../bundle/registry/answer-error.ts";
import { describePushFailure } from "../bundle/registry/describe-failure.ts";
import { TokenBusyError } from "../bundle/registry/fetch-push-token.ts";
import { LoginError } from "../bundle/registry/find-login.ts";
import { ExhaustedError } from "../bundle/registry/retrier.ts";
import { BadBlobError } from "../bundle/upload/verified-bytes.ts";
import type { PushDeps } from "../cli/push-registry.ts";
import { BundleError } from "../core/bundle/bundle-error.ts";
import { askPassword } from "../host/ask-password.ts";
import { RegistryError } from "../registry/registry-error.ts";
import { checkOptionFiles } from "./check-option-files.ts";
import { onInterrupt } from "./on-interrupt.ts";
import { comesByOnce, passingBundles } from "./passing-bundles.ts";
import { readBundles } from "./read-bundles.ts";
import { readStandardInput } from "./read-standard-input.ts";
import { restingBundles } from "./resting-bundles.ts";

export const MAX_PASSWORD_BYTES = 64 * 1024;

export function pushDeps(): PushDeps {
  return {
    async open(sources, onEvent) {
      for (const source of sources) if (await comesByOnce(source)) return passingBundles(sources);
      const found = await readBundles(sources, onEvent, {});
      if (!found.every(({ bundle }) => isAtRest(bundle))) return passingBundles(sources);
      const joined = joinBundles(found.map(({ bundle }) => ({ bundle, source: openBlobs(bundle) })));
      return { kind: "resting", ...(await restingBundles(joined, found)) };
    },
    explain,
    isBundleError: (error) => error instanceof BundleError || error instanceof BadBlobError,
    checkFiles: checkOptionFiles,
    readStandardInput: async () => (await readStandardInput(MAX_PASSWORD_BYTES))?.split(/\r?\n/, 1)[0] ?? "",
    askPassword,
    onInterrupt,
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

function explain(error: unknown): string {
  const isSystems = error instanceof Error && "syscall" in error;
  const isKnown =
    error instanceof RegistryError ||
    error instanceof AnswerError ||
    error instanceof ExhaustedError ||
    error instanceof TokenBusyError ||
    error instanceof BadBlobError ||
    error instanceof BundleError ||
    error instanceof LoginError;
  if (!isKnown && !isSystems) throw error;
  return describePushFailure(error);
}
