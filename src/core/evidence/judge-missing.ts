import { EVIDENCE_LIMITS } from "./evidence-limits.ts";
import type { Book, Ledger } from "./ledger.ts";
import type { Pull } from "./pull.ts";

/**
 * Whether a pull of an image that no mirror has is the mirrors' fault, where nobody else may be asked: why, in words
 * for a person, or undefined, for a name may be mistyped. It is when they served that image before, and when they
 * served nothing since images of several repositories were missing.
 */
export function judgeMissing(ledger: Ledger, book: Book, pull: Pull): string | undefined {
  if (pull.isMissingImage !== true || pull.isOutsideCri === true || book.watched?.upstream !== "never")
    return undefined;
  const { registry, repository, reference, endedMs } = pull;
  keepNewest(book.missing, `${registry}/${repository}`, endedMs, EVIDENCE_LIMITS.missingRepositories);
  const servedMs = reference === undefined ? undefined : ledger.served.get(reference);
  if (servedMs !== undefined && servedMs >= book.inForceMs && servedMs < endedMs)
    return "it came from mirrors before";
  const sinceMs = Math.max(book.servedMs ?? 0, endedMs - EVIDENCE_LIMITS.missingMs);
  const missing = [...book.missing.values()].filter((ms) => ms >= sinceMs && ms <= endedMs).length;
  if (missing < EVIDENCE_LIMITS.missingRepositories) return undefined;
  return `nor could images of ${missing - 1} other repositories, and none was served since`;
}

/** Remembers what mirrors have. */
export function noteServed(
  ledger: Ledger,
  book: Book,
  { path, reference, isOutsideCri, endedMs }: Pull,
): void {
  if ((path !== "mirror" && path !== "mixed") || isOutsideCri === true) return;
  book.servedMs = Math.max(book.servedMs ?? 0, endedMs);
  if (path !== "mirror" || reference === undefined || book.watched?.upstream !== "never") return;
  keepNewest(ledger.served, reference, endedMs, EVIDENCE_LIMITS.servedImages);
}

/** The clock was set: what is remembered keeps its age. */
export function moveTimes(times: Map<string, number>, byMs: number): void {
  for (const [key, ms] of times) times.set(key, ms + byMs);
}

function keepNewest(times: Map<string, number>, key: string, ms: number, most: number): void {
  const newest = Math.max(times.get(key) ?? 0, ms);
  times.delete(key);
  times.set(key, newest);
  const [oldest] = times.keys();
  if (times.size > most && oldest !== undefined) times.delete(oldest);
}
