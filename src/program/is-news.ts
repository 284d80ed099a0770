import type { PassReport } from "../agent/report.ts";

/**
 * Whether a pass is worth more than a debug line: it did something, or it found the node otherwise than the pass
 * before. Figures within the texts, such as seconds left to wait, are no news.
 */
export function isNews(report: PassReport, previous: PassReport | undefined): boolean {
  return previous === undefined || report.done.length > 0 || standingOf(report) !== standingOf(previous);
}

/** Figures count in what was asked for: another generation, or a fault in another line. */
function standingOf({ generation, conditions, issues }: PassReport): string {
  const texts = conditions.map(({ type, message }) => [type, message.replace(/\d+/g, "")]);
  const faults = issues.map(({ code, at }) => [code, at.file, at.line, at.column]);
  return JSON.stringify([generation, texts, faults]);
}
