import { RegistryError } from "../../registry/registry-error.ts";
import { AnswerError } from "./answer-error.ts";
import { ElsewhereError } from "./elsewhere-error.ts";
import { TokenBusyError } from "./fetch-push-token.ts";
import { ExhaustedError } from "./retrier.ts";

/** Nobody answers, or nobody is let in: whatever else is tried will end so, too. */
export function endsAll(error: unknown): boolean {
  if (error instanceof ExhaustedError) return error.endsPush;
  if (error instanceof ElsewhereError) return false;
  return (
    error instanceof RegistryError && error.code !== "credentials-refused" && error.code !== "token-refused"
  );
}

/** It was tried for minutes, and it was no trouble of what was asked for: whatever else is asked for would take as long. */
export function isOutage(error: unknown): error is ExhaustedError {
  if (!(error instanceof ExhaustedError)) return false;
  const { cause } = error;
  return (
    error.isUnreachable ||
    cause instanceof TokenBusyError ||
    (cause instanceof AnswerError && BUSY.includes(cause.status))
  );
}

const BUSY: readonly number[] = [429, 502, 503, 504];
