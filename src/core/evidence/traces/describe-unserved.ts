import type { RegistryRequest } from "../registry-request.ts";
import { isServed } from "./is-served.ts";

const MAX_PARTS = 3;

/**
 * What kept hosts from serving, in a few words: `mirror:5000 answered 404; other:5000: connection refused`. Steps on
 * the way to an answer (a challenge that was met, a redirect that was followed, a retry) are left out.
 */
export function describeUnserved(requests: readonly RegistryRequest[]): string {
  const last = new Map<string, RegistryRequest>();
  const redirectedBy = new Map<string, string>();
  for (const request of requests) {
    if (request.redirectedTo === undefined) last.set(keyOf(request, request.host), request);
    else redirectedBy.set(keyOf(request, request.redirectedTo), request.host);
  }
  const parts = new Set<string>();
  for (const [key, request] of last) {
    if (!isAnswered(request)) parts.add(describe(request, redirectedBy.get(key)));
  }
  const shown = [...parts].slice(0, MAX_PARTS).join("; ");
  return parts.size > MAX_PARTS ? `${shown}; and ${parts.size - MAX_PARTS} more` : shown;
}

function keyOf({ kind, object }: RegistryRequest, host: string): string {
  return `${host} ${kind}/${object}`;
}

function isAnswered(request: RegistryRequest): boolean {
  const { kind, status } = request;
  return isServed(request) || (kind === "token" && status !== undefined && status < 300);
}

function describe({ host, kind, status, error }: RegistryRequest, redirectedBy: string | undefined): string {
  // Where tokens come from is nobody's business.
  const who = kind === "token" ? "its token service" : host;
  const what = status === undefined ? `: ${error ?? "no answer"}` : ` answered ${status}`;
  return redirectedBy === undefined
    ? who + what
    : `${redirectedBy} redirected to ${who}: it${what.replace(/^:/, " gave")}`;
}
