import type { Lane } from "../../core/bundle/push/lanes.ts";
import { parseRetryAfter, RETRIES, retryDelayMs } from "../../core/bundle/push/retry-delay.ts";
import type { FailureCode } from "../../core/evidence/registry-failure.ts";
import { RegistryError } from "../../registry/registry-error.ts";
import { AnswerError } from "./answer-error.ts";
import { ElsewhereError } from "./elsewhere-error.ts";
import { TokenBusyError } from "./fetch-push-token.ts";

export interface RetrierOptions {
  /** Wall clock, ms since the epoch. */
  readonly now: () => number;
  /** At least 0, below 1. */
  readonly random: () => number;
  /** Rejects when the signal comes. */
  readonly pause: (ms: number) => Promise<void>;
  readonly onRetry: (retry: Retry) => void;
}

export interface Retry {
  readonly what: string;
  /** How often it has failed. */
  readonly failed: number;
  readonly delayMs: number;
  readonly reason: string;
}

/** Tries again what may well succeed then. */
export interface Retrier {
  /** `work` gets the number of failures before. What cannot be mended by trying again is thrown at once. */
  run<T>(what: string, work: (failed: number) => Promise<T>, lane?: Lane): Promise<T>;
}

/** It was tried for long enough. `cause` is the last failure. */
export class ExhaustedError extends Error {
  override readonly name = "ExhaustedError";
  /** There was no answer at all: whatever else is asked of that registry will get none either. */
  readonly isUnreachable: boolean;
  /** Its disk is full. */
  readonly isFull: boolean;
  constructor(failed: number, cause: Error) {
    super(`${cause.message} (tried ${failed} times)`, { cause });
    this.isUnreachable = cause instanceof RegistryError && !(cause instanceof ElsewhereError);
    this.isFull = isFull(cause);
  }

  /** Whatever else is pushed there will fail so, too. */
  get endsPush(): boolean {
    return this.isUnreachable || this.isFull;
  }
}

export function createRetrier({ now, random, pause, onRetry }: RetrierOptions): Retrier {
  let succeeded = 0;
  return {
    async run(what, work, lane) {
      let firstMs: number | undefined;
      let succeededBefore = 0;
      for (let failed = 1; ; failed++) {
        try {
          const result = await work(failed - 1);
          succeeded++;
          return result;
        } catch (error) {
          if (!(error instanceof Error) || !mayPass(error)) throw error;
          if (isChoking(error)) lane?.choked();
          if (firstMs === undefined) succeededBefore = succeeded;
          firstMs ??= now();
          const isItsOwn = isRefusedManifest(error) && failed >= OWN_TRIES && succeeded > succeededBefore;
          const isHopeless = isItsOwn || (isFull(error) && failed >= FULL_TRIES);
          const isOver = failed >= RETRIES.tries && now() - firstMs >= RETRIES.leastMs;
          const askedMs = parseRetryAfter(retryAfterOf(error), now());
          if (isHopeless || isOver || failed >= RETRIES.mostTries || (askedMs ?? 0) > RETRIES.askedMs)
            throw new ExhaustedError(failed, error);
          const delayMs = retryDelayMs(failed, random(), askedMs);
          onRetry({ what, failed, delayMs, reason: reasonOf(error) });
          await pause(delayMs);
        }
      }
    },
  };
}

/** Somebody may be making room; but each try sends a layer whole. */
const FULL_TRIES = 2;

/** The registry does what else it is asked meanwhile: what is wrong is that manifest, or what the registry makes of it. */
const OWN_TRIES = 5;

function isRefusedManifest(error: unknown): boolean {
  return error instanceof AnswerError && error.isManifestPut && error.status >= 500;
}

function isFull(error: unknown): boolean {
  return error instanceof AnswerError && error.isFull;
}

/** Another try may find it otherwise. */
export function mayPass(error: unknown): boolean {
  if (error instanceof RegistryError) return PASSING.includes(error.code);
  return (error instanceof AnswerError || error instanceof TokenBusyError) && error.retryable;
}

const PASSING: readonly FailureCode[] = [
  "no-name-server",
  "refused",
  "no-route",
  "connect-timeout",
  "connect-reset",
  "connect-failed",
  "proxy-refuses",
  "tls-timeout",
  "tls-closed",
  "no-answer",
  "closed",
  "token-unreachable",
];

/** It is too much for the registry, or for the way there. */
export function isChoking(error: unknown): boolean {
  // A link, or a registry, over which nothing moves: fewer at a time may get through.
  if (error instanceof RegistryError) return error.code === "no-answer";
  if (!(error instanceof AnswerError)) return false;
  // It may well be about that one manifest, and be said of it for ever.
  if (error.isManifestPut && error.status === 500) return false;
  return [429, 500, 503].includes(error.status) || error.isLostUpload;
}

function retryAfterOf(error: Error): string | undefined {
  return error instanceof AnswerError || error instanceof TokenBusyError ? error.retryAfter : undefined;
}

function reasonOf(error: Error): string {
  return error instanceof RegistryError ? error.failure.cause : error.message;
}
