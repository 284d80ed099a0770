import { createDesk, type Desk } from "./desk.ts";
import { EVIDENCE_LIMITS } from "./evidence-limits.ts";
import {
  EVIDENCE_SOURCES,
  type EvidenceSource,
  type Fallback,
  type HostProbe,
  type SourceState,
  type WatchedRegistry,
} from "./evidence-report.ts";
import { PULL_PATHS, type PullPath } from "./pull.ts";
import type { RecentPull } from "./recent-pull.ts";
import { mirrorHost, upstreamHost } from "./registry-hosts.ts";
import { createRequestTally, type RequestTally } from "./request-tally.ts";
import { createVerdictTrack, type VerdictTrack } from "./verdict-track.ts";

/**
 * All that is known about the pulls of this node. Changed in place by the functions of record-evidence.ts: ten
 * thousand requests a second are too many to copy for. It has no clock of its own: the same events at the same
 * moments make the same ledger. Its size is bounded by the configuration and by EVIDENCE_LIMITS.
 */
export interface Ledger {
  startedMs: number;
  /** Every registry in force, in the order of the desired state. */
  readonly books: Map<string, Book>;
  /** Pulls of namespaces without a mirror. */
  readonly unwatched: Book;
  readonly sources: Map<EvidenceSource, SourceState>;
  /** Since then the witness has missed nothing that it knows of; of pulls that began before, its silence proves nothing. */
  witnessSinceMs: number;
  /** The latest moment it was told of, to see a clock that was set back. */
  latestMs: number;
  readonly desk: Desk;
  /** Newest first. */
  readonly recentFallbacks: Fallback[];
  /** Newest first. */
  readonly recentPulls: RecentPull[];
  /** Where the upstream is closed, when an image last came from mirrors, by reference. Oldest first. */
  readonly served: Map<string, number>;
  /** Verdicts that turned and that nobody has been told of yet. */
  readonly turned: Set<string>;
}

/** What is known of one registry. */
export interface Book {
  /** Undefined for the namespaces without a mirror. */
  watched: WatchedRegistry | undefined;
  /** containerd reads our hosts.toml of it, so that a closed upstream is closed and the witness is asked. */
  isInForce: boolean;
  /** Of pulls that began earlier the silence of the witness proves nothing: they may not have known of it. */
  witnessedMs: number;
  /** Pulls that began earlier went by other mirrors. */
  inForceMs: number;
  readonly pulls: Record<PullPath, number>;
  fallbacks: number;
  lastMirrorPullMs: number | undefined;
  /** When mirrors last served a pull, all of it or a part. */
  servedMs: number | undefined;
  /** When an image of a repository was last missing. Oldest first. */
  readonly missing: Map<string, number>;
  /** A pull that ended well of which nobody saw who served it. */
  lastUnseenMs: number | undefined;
  requests: RequestTally;
  /** By `probeKey`. */
  probes: Map<string, ProbeTrack>;
  /** Failures in a row, by image. */
  readonly canaryFailures: Map<string, number>;
  track: VerdictTrack;
  /** When the verdict may turn by time alone. */
  turnMs: number;
}

export interface ProbeTrack {
  readonly newest: HostProbe;
  readonly lastFailedMs: number | undefined;
}

export function createLedger(nowMs: number): Ledger {
  return {
    startedMs: nowMs,
    books: new Map(),
    unwatched: createBook(undefined, nowMs, 0),
    sources: new Map(
      EVIDENCE_SOURCES.map((source) => [source, { source, up: false, message: "not started" }]),
    ),
    witnessSinceMs: nowMs,
    latestMs: nowMs,
    desk: createDesk(),
    recentFallbacks: [],
    recentPulls: [],
    served: new Map(),
    turned: new Set(),
  };
}

/**
 * What is in force now. A registry that stays keeps its counters, and its verdict unless its mirrors or its upstream
 * changed: what pulls did before proves nothing about the new ones. `isInForce` tells those
 * whose hosts.toml containerd reads as we wrote it.
 */
export function watchRegistries(
  ledger: Ledger,
  registries: readonly WatchedRegistry[],
  isInForce: (namespace: string) => boolean,
  nowMs: number,
): void {
  const before = new Map(ledger.books);
  ledger.books.clear();
  for (const watched of registries) {
    const known = before.get(watched.namespace);
    // What was there when the agent started was most likely in force before.
    const book = known ?? createBook(watched, nowMs, before.size === 0 ? 0 : nowMs);
    if (known !== undefined && !isSameWay(known.watched, watched)) {
      if (known.track.name !== "unproven") ledger.turned.add(watched.namespace);
      turnOver(book, watched, nowMs);
    }
    const isNow = isInForce(watched.namespace);
    if (isNow && !book.isInForce) book.witnessedMs = nowMs;
    book.isInForce = isNow;
    ledger.books.set(watched.namespace, book);
  }
}

/** Where an event of this host namespace is booked. */
export function bookOf(ledger: Ledger, namespace: string): Book {
  return ledger.books.get(namespace) ?? ledger.books.get("*") ?? ledger.unwatched;
}

/** What a probe is kept by: the mirror it asked, or `upstream`. Undefined: the configuration names no such host. */
export function probeKey({ watched }: Pick<Book, "watched">, probe: HostProbe): string | undefined {
  if (watched === undefined) return undefined;
  const { role, host, url } = probe;
  if (role === "upstream") {
    const upstream = upstreamHost(watched);
    return upstream === undefined || upstream === host ? "upstream" : undefined;
  }
  const onHost = watched.mirrors.filter((mirror) => mirrorHost(mirror) === host);
  return onHost.find((mirror) => url === mirror || url.startsWith(`${mirror}/`)) ?? onHost[0];
}

/** Counts a failure of a canary and returns how many there are in a row now. */
export function countCanaryFailure({ canaryFailures }: Book, reference: string): number {
  const count = (canaryFailures.get(reference) ?? 0) + 1;
  if (canaryFailures.size < EVIDENCE_LIMITS.recentPulls) canaryFailures.set(reference, count);
  return count;
}

function createBook(watched: WatchedRegistry | undefined, nowMs: number, inForceMs: number): Book {
  return {
    watched,
    isInForce: false,
    witnessedMs: nowMs,
    inForceMs,
    pulls: Object.fromEntries(PULL_PATHS.map((path) => [path, 0])) as Record<PullPath, number>,
    fallbacks: 0,
    lastMirrorPullMs: undefined,
    servedMs: undefined,
    missing: new Map(),
    lastUnseenMs: undefined,
    requests: createRequestTally(watched, undefined),
    probes: new Map(),
    canaryFailures: new Map(),
    track: createVerdictTrack(nowMs),
    turnMs: Number.POSITIVE_INFINITY,
  };
}

function turnOver(book: Book, watched: WatchedRegistry, nowMs: number): void {
  book.watched = watched;
  book.inForceMs = nowMs;
  book.witnessedMs = nowMs;
  book.requests = createRequestTally(watched, book.requests);
  book.probes = new Map([...book.probes].filter(([key, { newest }]) => probeKey(book, newest) === key));
  book.canaryFailures.clear();
  book.servedMs = undefined;
  book.missing.clear();
  book.lastUnseenMs = undefined;
  book.track = createVerdictTrack(nowMs);
  book.turnMs = Number.POSITIVE_INFINITY;
}

function isSameWay(one: WatchedRegistry | undefined, other: WatchedRegistry): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Whether a source sees what it would see. */
export function isUp(ledger: Ledger, source: EvidenceSource): boolean {
  return ledger.sources.get(source)?.up === true;
}
