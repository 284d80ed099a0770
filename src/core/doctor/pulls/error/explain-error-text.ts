import { formatPlace } from "../../finding.ts";
import { type ExplainedError, explainPullError } from "./explain-pull-error.ts";
import type { ErrorContext } from "./place-error.ts";
import { readPullError } from "./read-pull-error.ts";
import { splitStatements } from "./split-statements.ts";

/** More than anybody reads. */
const MAX_ERRORS = 50;

/**
 * What an error means that containerd, crictl or kubelet printed, or every one of a pasted journal or `kubectl
 * describe`, in the order of the text; the same thing about the same host is told once. Empty: nothing in it is known.
 * Reads only: nobody is asked.
 */
export function explainErrorText(text: string, context: ErrorContext): readonly ExplainedError[] {
  const byIdentity = new Map<string, ExplainedError>();
  for (const statement of splitStatements(text)) {
    const error = readPullError(statement);
    if (error === undefined) continue;
    const explained = explainPullError(error, context);
    const identity = identityOf(explained);
    // The end of the pull says more than a host that was passed over.
    const known = byIdentity.get(identity);
    if (known === undefined || known.finding.severity === "warning") byIdentity.set(identity, explained);
    if (byIdentity.size >= MAX_ERRORS) break;
  }
  return [...byIdentity.values()];
}

function identityOf({ finding, hop, image }: ExplainedError): string {
  const who = hop?.host === undefined ? `${formatPlace(finding.where)} ${image}` : `${hop.host} ${hop.stage}`;
  return `${finding.code} ${who}`;
}

/** It says that kubelet waits, and nothing of why. */
export function isWaiting(text: string): boolean {
  return /ImagePullBackOff|Back-off pulling image|ErrImagePull/.test(text);
}
