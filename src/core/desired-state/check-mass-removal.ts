import type { Issue, Place } from "../issue.ts";
import type { DesiredState } from "./desired-state.ts";
import type { IssueCode } from "./issue-codes.ts";

/**
 * An error when `next` drops all, or more than half, of the namespaces that are mirrored now, unless it says
 * `allowMassRemoval: true`. A desired state that lost its content by accident must not strip a node.
 */
export function checkMassRemoval(
  previous: readonly string[],
  next: DesiredState,
  at: Place,
): readonly Issue[] {
  const wanted = new Set(next.registries.map(({ namespace }) => namespace));
  const removed = previous.filter((namespace) => !wanted.has(namespace));
  const isMass =
    removed.length > 0 && (removed.length === previous.length || removed.length * 2 > previous.length);
  if (!isMass || next.allowMassRemoval) return [];
  const shown = removed.length > 5 ? [...removed.slice(0, 5), `${removed.length - 5} more`] : removed;
  return [
    {
      code: "mass-removal" satisfies IssueCode,
      severity: "error",
      at,
      message: `${removed.length} of ${previous.length} mirrored registries would lose their mirrors (${shown.join(", ")}); nothing is changed`,
      fix: "restore them, or write allowMassRemoval: true if this is meant",
    },
  ];
}
