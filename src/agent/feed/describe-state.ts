import type { EvidenceReport, RegistryEvidence, VerdictName } from "../../core/evidence/evidence-report.ts";
import type { ApplyRecord } from "../apply-record.ts";
import type { PassReport } from "../report.ts";
import type { FeedMemory } from "./feed-memory.ts";
import type { FeedOrigin, FeedState } from "./feed-messages.ts";
import { clean } from "./judge-pass.ts";

export interface StateFacts {
  readonly memory: FeedMemory;
  /** The document of `memory.selected` is gone from the disk: it has to be sent again. */
  readonly isLost: boolean;
  readonly record: ApplyRecord;
  readonly report: PassReport | undefined;
  readonly evidence: EvidenceReport;
  readonly isPinned: boolean;
  readonly containerdVersion: string;
  /** Of the files in force, where they are as they should be. */
  readonly effectiveDigest: string | undefined;
}

const MOST_REGISTRIES = 256;
const MOST_CONDITIONS = 16;

/** The node as it is, for the fleet's side. */
export function describeFeedState(facts: StateFacts): FeedState {
  const { memory, record, report, evidence, effectiveDigest } = facts;
  const running = runningOf(facts);
  return {
    ...(running && { running: { ...running, sinceMs: record.appliedMs ?? 0 } }),
    ...(effectiveDigest !== undefined && { effectiveDigest }),
    ...(memory.good && { lastGoodDigest: memory.good.digest }),
    floor: record.signed?.floor ?? 0,
    rejections: memory.rejections,
    source: originOf(facts),
    registries: registriesOf(evidence),
    conditions: (report?.conditions ?? [])
      .slice(0, MOST_CONDITIONS)
      .map(({ type, message }) => ({ type, message: clean(message) })),
    containerdVersion: facts.containerdVersion,
  };
}

/** Undefined also where its document is lost: then the feed offers it anew, and nothing changes but that. */
export function runningOf({
  memory,
  isLost,
  record,
  report,
}: Pick<StateFacts, "memory" | "isLost" | "record" | "report">) {
  if (isLost) return undefined;
  const { signed } = record;
  if (signed !== undefined) return { digest: signed.digest, serial: signed.serial };
  const { selected } = memory;
  const isUnsigned = report?.asked?.isInForce === true && report.asked.digest === selected?.digest;
  return selected !== undefined && isUnsigned
    ? { digest: selected.digest, serial: selected.serial }
    : undefined;
}

function originOf(facts: StateFacts): FeedOrigin {
  const { memory, record, isPinned } = facts;
  if (isPinned) return "pinned";
  if (record.digest === undefined) return "none";
  const running = runningOf(facts);
  return running !== undefined && running.digest === memory.selected?.digest ? "feed" : "file";
}

/** Names what is on the disk: the same files make the same digest on every node. */
export function digestOfFiles(
  { files, digest }: ApplyRecord,
  sha256: (bytes: Uint8Array) => string,
): string | undefined {
  if (digest === undefined) return undefined;
  const sorted = Object.entries(files).sort(([one], [other]) => (one < other ? -1 : 1));
  return sha256(new TextEncoder().encode(JSON.stringify(sorted)));
}

const WORST_FIRST: readonly VerdictName[] = ["failing", "bypassed", "mixed", "unproven", "mirrored"];

function registriesOf({ registries }: EvidenceReport): FeedState["registries"] {
  const rank = ({ verdict }: RegistryEvidence): number => WORST_FIRST.indexOf(verdict.name);
  return [...registries]
    .sort((one, other) => rank(one) - rank(other))
    .slice(0, MOST_REGISTRIES)
    .map(({ namespace, verdict }) => ({
      namespace,
      verdict: verdict.name,
      evidence: verdict.source ?? "",
      lastPullMs: verdict.lastMs ?? 0,
    }));
}
