import type { Place } from "../issue.ts";
import type { FINDINGS } from "./finding-catalogue.ts";

/** error: pulls fail, or do not go where the files say · warning: they will, or might · info: worth knowing. */
export type Severity = "error" | "warning" | "info";

export type FindingCode = keyof typeof FINDINGS;

/** One way in which a mirror is not used, or may soon not be. */
export interface Finding {
  /** Stable; docs/findings.md has a section for each. */
  readonly code: FindingCode;
  readonly severity: Severity;
  readonly where: FindingPlace;
  /** What was seen, with the values that matter. No secrets. */
  readonly fact: string;
  /** What it means for pulls, derived from the model where it can be. */
  readonly consequence: string;
  /** A command, or an edit with its place. */
  readonly fix: string;
}

/** A place in a file, a process, or a hop on the way of a pull. */
export type FindingPlace =
  | { readonly kind: "file"; readonly at: Place }
  | { readonly kind: "process"; readonly pid: number; readonly what: string }
  | { readonly kind: "url"; readonly url: string; readonly hop: string };

/** What could not be looked at, and why: silence about it proves nothing. */
export interface NotChecked {
  readonly what: string;
  readonly why: string;
}

export interface Diagnosis {
  /** Errors first; one fact is told once. */
  readonly findings: readonly Finding[];
  readonly notChecked: readonly NotChecked[];
}

export function atFile(at: Place): FindingPlace {
  return { kind: "file", at };
}

/** The top of a file, or a directory. */
export function atPath(file: string): FindingPlace {
  return { kind: "file", at: { file, line: 1, column: 1 } };
}

/** `file:line:column`, `process 812 (environment)` or the URL with its hop. */
export function formatPlace(place: FindingPlace): string {
  switch (place.kind) {
    case "file":
      return `${place.at.file}:${place.at.line}:${place.at.column}`;
    case "process":
      return `process ${place.pid} (${place.what})`;
    case "url":
      return `${place.url} (${place.hop})`;
  }
}

const RANK: Readonly<Record<Severity, number>> = { error: 0, warning: 1, info: 2 };

export function isAtLeastAsBad(severity: Severity, than: Severity): boolean {
  return RANK[severity] <= RANK[than];
}

/** By severity, then by place: the order in which somebody would mend them. */
export function compareFindings(a: Finding, b: Finding): number {
  const bySeverity = RANK[a.severity] - RANK[b.severity];
  if (bySeverity !== 0) return bySeverity;
  const [left, right] = [a, b].map(({ where, code }) => `${formatPlace(where)} ${code}`);
  return (left ?? "") < (right ?? "") ? -1 : 1;
}
