import type { FindingCode } from "../finding.ts";

/** Findings of this family that say by themselves why a mirror named at their place is not used. */
export const EXPLAINING: ReadonlySet<FindingCode> = new Set<FindingCode>(["hosts-file-dropped"]);
