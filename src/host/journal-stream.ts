import { fstatSync } from "node:fs";

/**
 * Whether our standard error leads to the journal (systemd.exec(5), JOURNAL_STREAM): the variable alone may be
 * inherited by somebody whose stderr leads elsewhere.
 */
export function isJournal(env: NodeJS.ProcessEnv): boolean {
  const named = env["JOURNAL_STREAM"];
  if (named === undefined) return false;
  try {
    const { dev, ino } = fstatSync(2, { bigint: true });
    return named === `${dev}:${ino}`;
  } catch {
    return false;
  }
}

/** Text of several lines as errors: a priority holds for one line (sd-daemon(3)). */
export function asErrors(text: string): string {
  return text.replace(/^(?=.)/gm, "<3>");
}
