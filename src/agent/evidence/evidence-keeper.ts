import { EVIDENCE_LIMITS } from "../../core/evidence/evidence-limits.ts";
import type { EvidenceReport, EvidenceSource } from "../../core/evidence/evidence-report.ts";
import { JUMP_MS, moveLedger } from "../../core/evidence/follow-clock.ts";
import { createLedger, type Ledger, watchRegistries } from "../../core/evidence/ledger.ts";
import type { RecentPull } from "../../core/evidence/recent-pull.ts";
import {
  advanceLedger,
  nextAdvanceMs,
  recordHit,
  recordLogged,
  recordNotice,
  recordProbe,
  recordPull,
  recordRequest,
  recordSource,
} from "../../core/evidence/record-evidence.ts";
import { reportEvidence } from "../../core/evidence/report-evidence.ts";
import type { RequestTally } from "../../core/evidence/request-tally.ts";
import type { Ports } from "../ports.ts";
import type { PassReport } from "../report.ts";
import type { EvidenceSink } from "./evidence-sink.ts";

/** Keeps what sources of evidence tell, and owns its time: nobody else looks at a clock for it. */
export interface EvidenceKeeper {
  /** For every source. */
  readonly sink: EvidenceSink;
  /** What is in force from now on. */
  passed(report: PassReport): void;
  report(): EvidenceReport;
  /** Newest first. */
  recentPulls(): readonly RecentPull[];
  /** Of every registry in force, and of `other`, which are those without a mirror. */
  requests(): ReadonlyMap<string, Readonly<RequestTally>>;
  /** Sources that were started and have not told their state yet. */
  silentSources(): readonly EvidenceSource[];
  /** Nothing is timed any more. */
  stop(): void;
}

export interface KeeperOptions {
  readonly clock: Pick<Ports["clock"], "now" | "uptimeMs" | "sleep">;
  readonly log: Ports["log"];
  /** Sources that are started and will tell how they are. */
  readonly expected: readonly EvidenceSource[];
  /** A verdict has turned, or a host began or ceased to answer: for each of a thousand registries at once, too. */
  readonly onTurn?: () => void;
}

export function createEvidenceKeeper({ clock, log, expected, onTurn }: KeeperOptions): EvidenceKeeper {
  const ledger = createLedger(clock.now());
  const silent = new Set(expected);
  const alarm = createAlarm(clock, () => step(() => {}));
  const now = followWallClock(clock, (byMs, nowMs) => moveLedger(ledger, byMs, nowMs));

  /** Records something that may end a wait or turn a verdict. */
  function step(record: (nowMs: number) => void): void {
    const nowMs = now();
    attempt(() => {
      advanceLedger(ledger, nowMs);
      record(nowMs);
      advanceLedger(ledger, nowMs);
      tellTurns(ledger, nowMs, log, onTurn);
      alarm.set(nextAdvanceMs(ledger));
    });
  }

  /** Sources are on the way of spans and hits: nothing of ours may be thrown at them. */
  function attempt(act: () => void): void {
    try {
      act();
    } catch (error) {
      log.error({ error: String(error) }, "evidence could not be recorded");
    }
  }

  return {
    sink: {
      request: (request) => attempt(() => recordRequest(ledger, request)),
      pull: (pull) => step((nowMs) => recordPull(ledger, pull, nowMs)),
      notice: (notice) => step((nowMs) => recordNotice(ledger, notice, nowMs)),
      witnessed: (hit) =>
        attempt(() => {
          const nowMs = now();
          recordHit(ledger, hit, nowMs);
          // Not worked out for each of thousands: it is time enough to look when the first of them may be due.
          alarm.noLaterThan(nowMs + EVIDENCE_LIMITS.lostMs);
        }),
      logged: (fallback) => attempt(() => recordLogged(ledger, fallback, now())),
      probed: (probe) =>
        attempt(() => {
          now();
          if (recordProbe(ledger, probe)) onTurn?.();
        }),
      source(state) {
        silent.delete(state.source);
        attempt(() => recordSource(ledger, state, now()));
      },
    },
    passed: (report) =>
      step((nowMs) => {
        if (report.registries !== undefined)
          watchRegistries(ledger, report.registries, inForceBy(report), nowMs);
      }),
    report() {
      const nowMs = now();
      step(() => {});
      return reportEvidence(ledger, nowMs);
    },
    recentPulls: () => [...ledger.recentPulls],
    requests: () =>
      new Map(
        [["other", ledger.unwatched] as const, ...ledger.books].map(([name, { requests }]) => [
          name,
          requests,
        ]),
      ),
    silentSources: () => [...silent],
    stop: () => alarm.set(undefined),
  };
}

/**
 * Where containerd does not read a hosts.toml of ours, no hit at the witness proves nothing: files of others stand
 * in its place, or config.toml is not in force yet.
 */
function inForceBy({ conditions, conflicts }: PassReport): (namespace: string) => boolean {
  const isPending = conditions.some(({ type }) => type === "Reconciling" || type === "Degraded");
  const blocked = new Set(conflicts.map(({ namespace }) => namespace));
  return (namespace) => !isPending && !blocked.has(namespace);
}

function tellTurns(ledger: Ledger, nowMs: number, log: KeeperOptions["log"], onTurn?: () => void): void {
  if (ledger.turned.size === 0) return;
  const turned = new Set(ledger.turned);
  ledger.turned.clear();
  for (const { namespace, verdict } of reportEvidence(ledger, nowMs).registries) {
    if (!turned.has(namespace)) continue;
    const { name, source } = verdict;
    const tell = name === "mirrored" || name === "unproven" ? log.info : log.warn;
    tell({ registry: namespace, verdict: name, evidence: source }, verdict.message);
  }
  onTurn?.();
}

/** The wall clock; tells when it was set, which the time since boot shows. */
function followWallClock(
  clock: KeeperOptions["clock"],
  onSet: (byMs: number, nowMs: number) => void,
): () => number {
  let lookedMs = clock.now();
  let bootMs = lookedMs - clock.uptimeMs();
  return () => {
    const nowMs = clock.now();
    // In so short a time it cannot have jumped: hits by the thousand must not read /proc each.
    if (nowMs >= lookedMs && nowMs - lookedMs < JUMP_MS) return nowMs;
    lookedMs = nowMs;
    const byMs = nowMs - clock.uptimeMs() - bootMs;
    if (Math.abs(byMs) < JUMP_MS) return nowMs;
    bootMs += byMs;
    onSet(byMs, nowMs);
    return nowMs;
  };
}

/** One timer, moved as needed; at rest there is none. */
function createAlarm(clock: KeeperOptions["clock"], ring: () => void) {
  let setForMs: number | undefined;
  let cancel = new AbortController();
  const set = (atMs: number | undefined): void => {
    if (atMs === setForMs) return;
    cancel.abort();
    cancel = new AbortController();
    setForMs = atMs;
    if (atMs === undefined) return;
    clock.sleep(Math.max(atMs - clock.now(), 1), cancel.signal).then(
      () => {
        setForMs = undefined;
        ring();
      },
      () => {},
    );
  };
  const noLaterThan = (atMs: number): void => {
    if (setForMs === undefined || setForMs > atMs) set(atMs);
  };
  return { set, noLaterThan };
}
