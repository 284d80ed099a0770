import { atOnce, type Gradual } from "../gradual.ts";
import { checkConfig } from "./config/check-config.ts";
import { compareFindings, type Finding, formatPlace } from "./finding.ts";
import { checkHosts } from "./hosts/check-hosts.ts";
import type { NodeView } from "./node-view.ts";
import { checkProcess } from "./process/check-process.ts";

/** All findings that files and processes show without asking anybody, worst first. */
export function diagnose(view: NodeView): readonly Finding[] {
  return atOnce(diagnoseGradually(view));
}

/** For an agent on whom others wait. */
export function* diagnoseGradually(view: NodeView): Gradual<readonly Finding[]> {
  const told = [...checkConfig(view), ...checkProcess(view)];
  yield;
  return arrangeFindings([...told, ...(yield* checkHosts(view, told))]);
}

/** Worst first; the same code at the same place with the same fact is told once. */
export function arrangeFindings(findings: readonly Finding[]): readonly Finding[] {
  const byIdentity = new Map<string, Finding>();
  for (const finding of findings) {
    const identity = [finding.code, formatPlace(finding.where), finding.fact].join("\n");
    if (!byIdentity.has(identity)) byIdentity.set(identity, finding);
  }
  return [...byIdentity.values()].sort(compareFindings);
}
