import { EVIDENCE_LIMITS } from "./evidence-limits.ts";
import type {
  EvidenceReport,
  RegistryEvidence,
  SourceState,
  Verdict,
  WatchedRegistry,
} from "./evidence-report.ts";
import type { Book, Ledger } from "./ledger.ts";
import { newestSight, type Standing, standingAt } from "./verdict-track.ts";

/** What the ledger says at a moment. Changes nothing; `advanceLedger` first, so that nothing waits unbooked. */
export function reportEvidence(ledger: Ledger, nowMs: number): EvidenceReport {
  const sources = [...ledger.sources.values()];
  const { pulls, fallbacks } = ledger.unwatched;
  return {
    atMs: nowMs,
    sources,
    registries: [...ledger.books.values()].flatMap((book) =>
      book.watched === undefined ? [] : [reportRegistry(book, book.watched, sources, nowMs)],
    ),
    unwatched: { pulls: { ...pulls }, fallbacks },
    recentFallbacks: [...ledger.recentFallbacks],
  };
}

function reportRegistry(
  book: Book,
  watched: WatchedRegistry,
  sources: readonly SourceState[],
  nowMs: number,
): RegistryEvidence {
  const standing = standingAt(book.track, nowMs);
  const recoveredMs = recoveredSince(book, standing);
  return {
    ...watched,
    verdict: toVerdict(standing, book, sources, nowMs),
    pulls: { ...book.pulls },
    fallbacks: book.fallbacks,
    ...(book.lastMirrorPullMs === undefined ? {} : { lastMirrorPullMs: book.lastMirrorPullMs }),
    ...(recoveredMs === undefined ? {} : { recoveredMs }),
    probes: [...book.probes.values()].map(({ newest }) => newest),
  };
}

function toVerdict(standing: Standing, book: Book, sources: readonly SourceState[], nowMs: number): Verdict {
  const { name, sinceMs, pulls, sight } = standing;
  if (sight === undefined) return { name, sinceMs, pulls, message: whyUnproven(book, sources, nowMs) };
  return { name, source: sight.source, sinceMs, lastMs: sight.atMs, pulls, message: sight.message };
}

function whyUnproven(
  { track, lastUnseenMs, inForceMs }: Book,
  sources: readonly SourceState[],
  nowMs: number,
): string {
  const newest = newestSight(track);
  if (newest !== undefined)
    return `no pull for ${Math.floor((nowMs - newest.atMs) / 3_600_000)} hours; then: ${newest.message}`;
  const blind = sources.filter(({ source, up }) => !up && (source === "trace" || source === "witness"));
  const reasons = blind.map(({ source, message }) => (message === "" ? source : `${source}: ${message}`));
  const isBlind = blind.length === 2;
  if (lastUnseenMs !== undefined)
    return `pulls end well, but nobody saw which host served them${isBlind ? ` (${reasons.join("; ")})` : ""}`;
  const since = inForceMs === 0 ? "since the agent started" : "since these mirrors came into force";
  return `no pull ${since}${isBlind ? `, and none would be seen (${reasons.join("; ")})` : ""}`;
}

/**
 * Only a mirror that was not well can have recovered: one that answered all along and was passed over needs a pull
 * to show that it is in use.
 */
function recoveredSince(book: Book, { name, sight }: Standing): number | undefined {
  if (sight === undefined || name === "mirrored") return undefined;
  const mirrors = [...book.probes.values()].filter(({ newest }) => newest.role === "mirror");
  const failedThen = mirrors.some(
    ({ lastFailedMs }) =>
      lastFailedMs !== undefined && lastFailedMs >= sight.atMs - EVIDENCE_LIMITS.troubleMs,
  );
  if (!sight.mirrorTrouble && !failedThen) return undefined;
  const answers = mirrors.filter(({ newest }) => newest.ok && newest.atMs > sight.atMs);
  return answers.length === 0 ? undefined : Math.max(...answers.map(({ newest }) => newest.atMs));
}
