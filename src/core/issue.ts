/**
 * Where in an input something stands. Lines and columns count from 1; `column` counts UTF-16 units. Line 0: `file` is none,
 * but a variable or an option.
 */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/**
 * Something wrong with an input, for the person who wrote it.
 * Bad input is returned as issues, all at once, and never thrown.
 */
export interface Issue {
  /** Stable kebab-case code, listed in docs/issues.md. */
  readonly code: string;
  readonly severity: "error" | "warning";
  readonly at: Place;
  /** What is wrong and what it means for pulls, one sentence. */
  readonly message: string;
  /** What to do about it, as an edit or a command. */
  readonly fix: string;
}

export function hasErrors(issues: readonly Issue[]): boolean {
  return issues.some((issue) => issue.severity === "error");
}

/** `file:line:col: message (code)`, the form editors and people know. */
export function formatIssue(issue: Issue): string {
  const label = issue.severity === "warning" ? "warning: " : "";
  const fix = issue.fix === "" ? "" : `; ${issue.fix}`;
  return `${describePlace(issue.at)}: ${label}${issue.message}${fix} (${issue.code})`;
}

export function describePlace({ file, line, column }: Place): string {
  return line === 0 ? file : `${file}:${line}:${column}`;
}
