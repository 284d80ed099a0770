import type { AnswerCode } from "../containerd/pull/judgement.ts";
import type { ProbePhase } from "./evidence-report.ts";
import type { Exchange } from "./exchange.ts";

/** How one question to a mirror ended. */
export interface ProbeAnswer {
  /** Undefined: the mirror answers as it should. */
  readonly failure?: {
    readonly phase: ProbePhase;
    /** Cause and fix, for a person. */
    readonly message: string;
    readonly code: AnswerCode;
    readonly cause: string;
    readonly fix: string;
    readonly scope: FailureScope;
  };
  /** What it answered, for a person. */
  readonly message: string;
  readonly exchange: Exchange;
}

/**
 * Whom a failure is about: everybody who asks that host, everybody with these settings, this repository alone, or
 * the first or the last of these.
 */
export type FailureScope = "host" | "settings" | "repository" | "host-or-repository";
