import type { EvidenceReport, RegistryEvidence } from "../../core/evidence/evidence-report.ts";
import type { FeedError } from "./feed-messages.ts";
import { clean } from "./judge-pass.ts";

/** What pulls have shown since a document is in force. */
export interface SoakJudgement {
  /** By host namespace that changed: the source that has shown a pull served by the new mirrors. */
  readonly observed: Readonly<Record<string, string>>;
  /** A registry that changed and does worse than before. */
  readonly failure?: FeedError;
}

export interface Soaking {
  readonly atMs: number;
  readonly changed: readonly string[];
  readonly unwellBefore: readonly string[];
  readonly observed: Readonly<Record<string, string>>;
}

/**
 * Only what changed can speak against the change, and only by pulls since then: a registry that was bypassed before, or
 * that nobody has touched, is for the fleet to look at, not a reason to go back.
 */
export function judgeSoak(
  soaking: Soaking,
  { registries }: Pick<EvidenceReport, "registries">,
): SoakJudgement {
  const observed: Record<string, string> = { ...soaking.observed };
  let failure: FeedError | undefined;
  for (const one of registries) {
    if (!soaking.changed.includes(one.namespace) || !isSince(one, soaking.atMs)) continue;
    const { name, source, message } = one.verdict;
    if (name === "mirrored" && source !== undefined) observed[one.namespace] = source;
    if (!isUnwell(one) || soaking.unwellBefore.includes(one.namespace)) continue;
    failure ??= { code: `verdict-${name}`, message: clean(message), item: one.namespace };
  }
  return { observed, ...(failure && { failure }) };
}

function isSince({ verdict }: RegistryEvidence, atMs: number): boolean {
  return verdict.lastMs !== undefined && verdict.lastMs >= atMs;
}

/** Pulls fail, or go past the mirrors. */
export function isUnwell({ verdict }: RegistryEvidence): boolean {
  return verdict.name === "failing" || verdict.name === "bypassed";
}
