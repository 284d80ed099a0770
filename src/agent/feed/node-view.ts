import { type ApplyRecord, EMPTY_RECORD } from "../apply-record.ts";
import type { Ports } from "../ports.ts";
import type { PassReport } from "../report.ts";
import type { StateDirectory } from "../state-directory.ts";
import { digestOfFiles } from "./describe-state.ts";

/** The node as passes have shown it. */
export interface NodeView {
  record: ApplyRecord;
  latest: PassReport | undefined;
  /** Of a pass since the task began, or since it is being taken back. */
  sinceBegin: PassReport | undefined;
  isPinned: boolean;
  /** Of the files in force, where they are as they should be. */
  effectiveDigest: string | undefined;
  /** "": not looked at yet. */
  containerdVersion: string;
  /** The assignment whose one new try has not been made yet. */
  newTry: string | undefined;
}

export async function openNodeView(state: Pick<StateDirectory, "loadRecord">): Promise<NodeView> {
  const record = await state.loadRecord().then(
    (found) => found.record,
    () => EMPTY_RECORD,
  );
  return {
    record,
    latest: undefined,
    sinceBegin: undefined,
    isPinned: false,
    effectiveDigest: undefined,
    containerdVersion: record.containerdVersion ?? "",
    newTry: undefined,
  };
}

/** Takes in what a pass has found and left. */
export function notePass(
  view: NodeView,
  report: PassReport,
  record: ApplyRecord,
  sha256: Ports["sha256"],
): void {
  view.record = record;
  view.latest = report;
  view.sinceBegin = report;
  view.effectiveDigest = report.inSync ? digestOfFiles(record, sha256) : undefined;
  view.containerdVersion = report.containerdVersion ?? view.containerdVersion;
  view.isPinned = report.conditions.some(({ type }) => type === "Pinned");
}
