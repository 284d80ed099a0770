import { cleanText, shortObject } from "./clean-text.ts";
import type { Fallback, WatchedRegistry } from "./evidence-report.ts";
import type { Pull, WitnessHit } from "./pull.ts";
import { fallbackTarget } from "./registry-hosts.ts";
import type { RegistryRequest } from "./registry-request.ts";

/** What a traced pull asked beyond the mirrors, an entry for each object and way it was asked for. */
export interface TracedFallback {
  readonly method: string;
  readonly object: string;
  readonly kind: Fallback["kind"];
  readonly shown: Fallback;
}

/**
 * The requests of a traced pull that no mirror served: those that reached the upstream, or the witness. Tries that
 * were repeated and redirects that were followed count once.
 */
export function fallbacksOfPull(pull: Pull, watched: WatchedRegistry | undefined): readonly TracedFallback[] {
  const byObject = new Map<string, RegistryRequest[]>();
  for (const request of pull.requests) {
    if (request.kind === "token" || isByDesign(request, watched)) continue;
    const key = `${request.method} ${request.kind} ${request.object}`;
    const same = byObject.get(key);
    if (same === undefined) byObject.set(key, [request]);
    else same.push(request);
  }
  return [...byObject.values()].flatMap((requests) => {
    const first = requests.find(({ role }) => role !== "mirror");
    if (first === undefined) return [];
    const { method, object, kind } = first;
    const shown = describe(first, requests, pull, watched);
    return [{ method, object, kind: kind === "blob" ? "blob" : "manifest", shown } as const];
  });
}

/** A hit at the witness, as a fallback. */
export function fallbackOfHit(hit: WitnessHit, watched: WatchedRegistry | undefined): Fallback {
  return {
    atMs: hit.atMs,
    registry: cleanText(hit.registry),
    repository: cleanText(hit.repository),
    object: shortObject(hit.object),
    kind: hit.kind,
    source: "witness",
    wentTo: fallbackTarget(watched, cleanText(hit.registry)),
    reason: "no mirror served it",
  };
}

/** Where mirrors are for digests only, tags are asked of the upstream because that was wanted. */
export function isByDesign(
  { method, object }: Pick<RegistryRequest, "method" | "object">,
  watched: WatchedRegistry | undefined,
): boolean {
  return watched?.pullOnly === true && method === "HEAD" && !object.includes(":");
}

/** What mirrors answered to a request, in a few words; undefined when none was asked. */
export function describeRefusals(requests: readonly RegistryRequest[]): string | undefined {
  const words = requests
    .filter(({ role, redirectedTo }) => role === "mirror" && redirectedTo === undefined)
    .map(({ host, status, error }) =>
      status === undefined ? `${host}: ${error ?? "no answer"}` : `${host} answered ${status}`,
    );
  return words.length === 0 ? undefined : cleanText([...new Set(words)].slice(0, 4).join(", "));
}

function describe(
  first: RegistryRequest,
  requests: readonly RegistryRequest[],
  pull: Pull,
  watched: WatchedRegistry | undefined,
): Fallback {
  const upstream = requests.find(({ role }) => role === "upstream");
  return {
    atMs: first.atMs,
    registry: cleanText(pull.registry),
    repository: cleanText(first.repository || pull.repository),
    object: shortObject(first.object),
    kind: first.kind === "blob" ? "blob" : "manifest",
    source: "trace",
    wentTo:
      upstream === undefined ? fallbackTarget(watched, cleanText(pull.registry)) : cleanText(upstream.host),
    reason: describeRefusals(requests) ?? "no mirror was asked",
  };
}
