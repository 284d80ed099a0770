import { status } from "@grpc/grpc-js";
import { EngineError, type EngineErrorCode } from "../engine-error.ts";

/** What @grpc/grpc-js gives to callbacks and `error` events. */
export interface ServiceFailure {
  readonly code?: number;
  readonly details?: string;
}

/** Of the end of a watch, which has only words: gRPC's name of the status is among them. */
export function failureFromWords(details: string): ServiceFailure {
  if (/permission ?denied/i.test(details)) return { code: status.PERMISSION_DENIED, details };
  if (/auth token/i.test(details)) return { code: status.UNAUTHENTICATED, details };
  return { code: status.UNAVAILABLE, details };
}

/** `changes`: whether the call was to change something, so that no answer leaves open whether it did. */
export function toEngineError(failure: ServiceFailure, endpoint: string, changes: boolean): EngineError {
  const words = failure.details ?? "no reason given";
  const code = codeOf(failure, words);
  const open = changes && (code === "unavailable" || code === "timeout" || code === "aborted");
  const isBegun = !NOT_BEGUN.test(words) && !needsNewToken(failure);
  const applied = open && isBegun ? "unknown" : "no";
  return new EngineError(code, `etcd at ${endpoint}: ${words} (${status[failure.code ?? 2] ?? "UNKNOWN"})`, {
    applied,
    cause: failure,
  });
}

/** The token was forgotten (a restart, its age) or users have changed since: ask for a new one. */
export function needsNewToken({ code, details = "" }: ServiceFailure): boolean {
  return (
    (code === status.UNAUTHENTICATED && details.includes("invalid auth token")) ||
    (code === status.INVALID_ARGUMENT && details.includes("revision of auth store is old"))
  );
}

// Refused before it got into the log: etcd's server/etcdserver/api/v3rpc/interceptor.go and v3_server.go.
const NOT_BEGUN = /etcdserver: (no leader|too many requests)/;

function codeOf(failure: ServiceFailure, words: string): EngineErrorCode {
  if (needsNewToken(failure)) return "unavailable";
  if (words.includes("requested lease not found")) return "lease-lost";
  if (words.includes("database space exceeded")) return "no-space";
  if (words.includes("too many requests")) return "unavailable";
  switch (failure.code) {
    case status.UNAVAILABLE:
    // A stream reset below gRPC, and what a proxy makes of a server that is gone.
    case status.INTERNAL:
    case status.UNKNOWN:
      return "unavailable";
    case status.DEADLINE_EXCEEDED:
      return "timeout";
    case status.CANCELLED:
      return "aborted";
    case status.UNAUTHENTICATED:
    case status.PERMISSION_DENIED:
      return "denied";
    case status.RESOURCE_EXHAUSTED:
      return "too-large";
    default:
      return "refused";
  }
}
