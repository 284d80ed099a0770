import type {
  HostProbe,
  RegistryEvidence,
  WatchedRegistry,
} from "../../../../src/core/evidence/evidence-report.ts";
import { createLedger, type Ledger, watchRegistries } from "../../../../src/core/evidence/ledger.ts";
import type { Pull, PullNotice, WitnessHit } from "../../../../src/core/evidence/pull.ts";
import { advanceLedger, recordSource } from "../../../../src/core/evidence/record-evidence.ts";
import type { RegistryRequest } from "../../../../src/core/evidence/registry-request.ts";
import { reportEvidence } from "../../../../src/core/evidence/report-evidence.ts";

/** A moment to count from: 2026-11-22, noon. */
export const T0 = Date.UTC(2026, 10, 22, 12);

export const gcr: WatchedRegistry = {
  namespace: "gcr.io",
  mirrors: ["https://mirror:5000/v2/cache"],
  upstream: "allow",
};

export interface LedgerOptions {
  readonly watched?: readonly WatchedRegistry[];
  readonly up?: readonly ("trace" | "witness")[];
}

/** A ledger of an agent that started an hour ago, at T0, with gcr.io mirrored by mirror:5000, and the given sources up. */
export function ledgerWith({ watched = [gcr], up = ["witness"] }: LedgerOptions = {}): Ledger {
  const startedMs = T0 - 3_600_000;
  const ledger = createLedger(startedMs);
  for (const source of up) recordSource(ledger, { source, up: true, message: "" }, startedMs);
  watchRegistries(ledger, watched, () => true, startedMs);
  return ledger;
}

/** What is said of a registry at a moment. */
export function evidenceOf(ledger: Ledger, nowMs: number, namespace = "gcr.io"): RegistryEvidence {
  advanceLedger(ledger, nowMs);
  const found = reportEvidence(ledger, nowMs).registries.find((one) => one.namespace === namespace);
  if (found === undefined) throw new Error(`${namespace} is not watched`);
  return found;
}

export function request(changes: Partial<RegistryRequest> = {}): RegistryRequest {
  return {
    atMs: T0,
    durationMs: 3,
    registry: "gcr.io",
    repository: "team/app",
    host: "mirror:5000",
    role: "mirror",
    kind: "manifest",
    method: "GET",
    object: digest("a"),
    status: 200,
    ...changes,
  };
}

/** A traced pull of one second that ends at `endedMs`. */
export function tracedPull(endedMs: number, path: Pull["path"], changes: Partial<Pull> = {}): Pull {
  return {
    source: "trace",
    registry: "gcr.io",
    repository: "team/app",
    reference: "gcr.io/team/app:1.0",
    startedMs: endedMs - 1000,
    endedMs,
    path,
    requests: [],
    ...changes,
  };
}

/** A canary's pull of a second, as the agent itself tells of it. */
export function canaryNotice(endedMs: number, ok: boolean, changes: Partial<PullNotice> = {}): PullNotice {
  const image = { repository: "pause", reference: "gcr.io/pause:3.9" };
  return notice(endedMs, { from: "canary", ...image, startedMs: endedMs - 1000, ok, ...changes });
}

export function notice(endedMs: number, changes: Partial<PullNotice> = {}): PullNotice {
  return {
    from: "events",
    registry: "gcr.io",
    repository: "team/app",
    reference: "gcr.io/team/app:1.0",
    endedMs,
    ok: true,
    ...changes,
  };
}

export function hit(atMs: number, changes: Partial<WitnessHit> = {}): WitnessHit {
  return {
    atMs,
    registry: "gcr.io",
    repository: "team/app",
    kind: "manifest",
    method: "HEAD",
    object: "1.0",
    ...changes,
  };
}

/** What the witness sees of a pull that no mirror serves any part of, in the second before `endedMs`. */
export function hitsOfBypass(endedMs: number, changes: Partial<WitnessHit> = {}): readonly WitnessHit[] {
  return [
    hit(endedMs - 900, changes),
    hit(endedMs - 700, { method: "GET", object: digest("a"), ...changes }),
    hit(endedMs - 500, { method: "GET", kind: "blob", object: digest("b"), ...changes }),
    hit(endedMs - 400, { method: "GET", kind: "blob", object: digest("c"), ...changes }),
  ];
}

export function probe(atMs: number, ok: boolean, changes: Partial<HostProbe> = {}): HostProbe {
  return {
    registry: "gcr.io",
    host: "mirror:5000",
    role: "mirror",
    url: "https://mirror:5000/v2/cache",
    atMs,
    ok,
    ...(ok ? {} : { failedPhase: "connect" as const }),
    message: ok ? "" : "connection refused",
    durationsMs: { dns: 1, connect: 2 },
    failures: ok ? 0 : 1,
    ...changes,
  };
}

export function digest(letter: string): string {
  return `sha256:${letter.repeat(64)}`;
}
