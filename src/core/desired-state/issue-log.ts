import { hasErrors, type Issue, type Place } from "../issue.ts";
import type { IssueCode } from "./issue-codes.ts";
import { LIMITS } from "./limits.ts";

/** Collects issues while a desired state is read. Bounded: past the limit one last issue says so. */
export class IssueLog {
  readonly #issues: Issue[] = [];

  error(code: IssueCode, at: Place, message: string, fix: string): void {
    this.#add({ code, severity: "error", at, message, fix });
  }

  warn(code: IssueCode, at: Place, message: string, fix: string): void {
    this.#add({ code, severity: "warning", at, message, fix });
  }

  /** In order of file, line and column; files in the order of their first issue. */
  get issues(): readonly Issue[] {
    return sortIssues(this.#issues);
  }

  get count(): number {
    return this.#issues.length;
  }

  get hasErrors(): boolean {
    return hasErrors(this.#issues);
  }

  /** Nothing more will be shown, so nothing more need be looked for. */
  get isFull(): boolean {
    return this.#issues.length > LIMITS.issues;
  }

  #add(issue: Issue): void {
    if (this.#issues.length < LIMITS.issues) this.#issues.push(issue);
    else if (this.#issues.length === LIMITS.issues) this.#issues.push(tooMany(issue.at));
  }
}

export function sortIssues(issues: readonly Issue[]): readonly Issue[] {
  const fileOrder = new Map<string, number>();
  for (const { at } of issues) if (!fileOrder.has(at.file)) fileOrder.set(at.file, fileOrder.size);
  const rank = (issue: Issue): number => fileOrder.get(issue.at.file) ?? 0;
  return issues.toSorted((a, b) => rank(a) - rank(b) || a.at.line - b.at.line || a.at.column - b.at.column);
}

function tooMany(at: Place): Issue {
  return {
    code: "too-many-issues" satisfies IssueCode,
    severity: "error",
    at,
    message: `there are more than ${LIMITS.issues} issues, the rest is not shown; nothing is applied`,
    fix: "fix these first",
  };
}
