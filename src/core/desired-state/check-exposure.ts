import type { Place } from "../issue.ts";
import type { IssueLog } from "./issue-log.ts";
import type { Exposure } from "./resolve-context.ts";

/** `whose`: what the file is and its path, `the password file /etc/…`. False, with an issue: others could change it. */
export function checkUnchangeable(
  exposure: Exposure | undefined,
  whose: string,
  at: Place,
  log: IssueLog,
): boolean {
  if (exposure?.toChange === undefined) return true;
  const fix =
    "give it and the directories it is in to root, and take write permission from others (chmod go-w)";
  log.error("file-untrusted", at, `${whose} is not safe to follow: ${exposure.toChange}`, fix);
  return false;
}

/** Of a file that holds a secret. Told, and not refused: pulls go on, the secret is out already. */
export function checkUnreadable(
  exposure: Exposure | undefined,
  whose: string,
  path: string,
  at: Place,
  log: IssueLog,
): void {
  if (exposure?.toRead !== true) return;
  const message = `every user of this node can read ${whose}, and with it pull as this node does`;
  log.warn("file-exposed", at, message, `chmod o-r ${path}`);
}
