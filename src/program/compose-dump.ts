import { NoPlatformError } from "../bundle/download/gather-images.ts";
import { AnswerError } from "../bundle/registry/answer-error.ts";
import { describePullFailure } from "../bundle/registry/describe-failure.ts";
import { LoginError } from "../bundle/registry/find-login.ts";
import { ExhaustedError } from "../bundle/registry/retrier.ts";
import { WrongContentError } from "../bundle/registry/wrong-content.ts";
import { findReplaced } from "../bundle/write/find-replaced.ts";
import { WriteError } from "../bundle/write/write-error.ts";
import type { DumpDeps } from "../cli/dump-deps.ts";
import { BundleError } from "../core/bundle/bundle-error.ts";
import { askPassword } from "../host/ask-password.ts";
import { RegistryError } from "../registry/registry-error.ts";
import { checkOptionFiles } from "./check-option-files.ts";
import { MAX_PASSWORD_BYTES } from "./compose-push.ts";
import { openDumpSession, StoppedError } from "./open-dump-session.ts";
import { readStandardInput } from "./read-standard-input.ts";
import { readTextFile } from "./read-text-file.ts";

export function dumpDeps(): DumpDeps {
  const { stdout, stderr } = process;
  return {
    readList: readTextFile,
    findReplaced,
    isTerminal: stdout.isTTY === true,
    open: openDumpSession,
    explain,
    isUnreachable: (error) =>
      error instanceof RegistryError || (error instanceof ExhaustedError && error.isUnreachable),
    isBundleError: (error) => error instanceof BundleError,
    isOutage: (error) => error instanceof ExhaustedError,
    checkFiles: checkOptionFiles,
    readStandardInput: async () => (await readStandardInput(MAX_PASSWORD_BYTES))?.split(/\r?\n/, 1)[0] ?? "",
    askPassword,
    now: () => performance.now(),
    progressColumns: stderr.isTTY === true ? (stderr.columns ?? 80) : undefined,
  };
}

function explain(error: unknown): string {
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
