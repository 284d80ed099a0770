import type { Finding } from "../core/doctor/finding.ts";
import type { EvidenceKeeper } from "./evidence/evidence-keeper.ts";
import type { FeedStatus } from "./feed/feed-status.ts";
import type { Clock } from "./ports.ts";
import type { PassReport } from "./report.ts";
import {
  describeStatus,
  type LastChange,
  listFindings,
  type StatusDocument,
  type StatusFinding,
} from "./status-document.ts";

/** Remembers what passes did and what was found on the node, and puts it together with the evidence whenever somebody asks. */
export interface StatusBoard {
  passed(report: PassReport): void;
  /** All that doctor finds in the files of the node now. */
  found(findings: readonly Finding[]): void;
  readonly latest: PassReport | undefined;
  /** Those of the last pass and of doctor. */
  findings(): readonly StatusFinding[];
  status(): StatusDocument;
}

export function createStatusBoard(
  self: { readonly version: string; readonly node: string },
  clock: Pick<Clock, "now">,
  keeper: Pick<EvidenceKeeper, "report" | "recentPulls">,
  feed: () => FeedStatus | undefined = () => undefined,
): StatusBoard {
  const agent = { ...self, startedMs: clock.now() };
  let latest: PassReport | undefined;
  let containerdVersion: string | undefined;
  let lastChange: LastChange | undefined;
  let found: readonly Finding[] = [];
  return {
    passed(report) {
      latest = report;
      containerdVersion = report.containerdVersion ?? containerdVersion;
      if (report.done.length > 0) lastChange = changeOf(report, clock.now());
    },
    found(findings) {
      found = findings;
    },
    findings: () => listFindings(latest, found),
    get latest() {
      return latest;
    },
    status: () =>
      describeStatus({
        atMs: clock.now(),
        agent,
        report: latest,
        containerdVersion,
        lastChange,
        found,
        feed: feed(),
        evidence: keeper.report(),
        recentPulls: keeper.recentPulls(),
      }),
  };
}

function changeOf({ outcome, generation, done, changed, drift }: PassReport, atMs: number): LastChange {
  return { atMs, outcome, generation, done, changed: changed ?? drift };
}
