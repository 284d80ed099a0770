import type { LegacyRegistry } from "../core/containerd/config/legacy-registry.ts";
import type { TracesInForce } from "../core/plan/node-plan.ts";
import type { EditConfigStep, SwitchTracesStep } from "../core/plan/step.ts";
import type { Ports } from "./ports.ts";
import type { StateDirectory } from "./state-directory.ts";

/** A change of what containerd reads at its start, config.toml or traces or both, and the restart that goes with it. */
export interface ConfigChange {
  readonly config?: EditConfigStep;
  readonly traces?: TracesSwitch;
  readonly reason: string;
  /** Digest and generation of the desired state that wants this. */
  readonly digest: string;
  readonly generation: number;
  /** The certs.d root containerd must be reading afterwards; undefined in legacy style. */
  readonly configPath?: string;
  readonly canaries: readonly string[];
  /** Legacy mirrors that stand for something once this edit is in force. */
  readonly migrated: readonly LegacyRegistry[];
}

export interface TracesSwitch {
  readonly step: SwitchTracesStep;
  /** Our file once this is in force. */
  readonly inForce: TracesInForce | undefined;
}

export type ConfigOutcome =
  | { readonly kind: "restarted" }
  /** The candidate was refused before anything was touched. */
  | { readonly kind: "refused"; readonly message: string }
  /** What was there before is back and containerd is healthy on it. */
  | ({ readonly kind: "rolled-back" } & TakenBack)
  /** Restarting now would exceed the budget; nothing is lost, the restart stays pending. */
  | { readonly kind: "deferred"; readonly waitMs: number }
  /** What was there before is back (or could not be put back) and containerd is not well: hands off. */
  | ({ readonly kind: "degraded" } & TakenBack)
  /** Traces alone were to be switched, and their files could not be written; nothing was restarted. */
  | { readonly kind: "not-switched" };

export interface TakenBack {
  readonly message: string;
  /** Traces were part of the change: they are what is not tried again, for mirrors must not wait for them. */
  readonly hadTraces: boolean;
}

export interface ConfigContext {
  readonly ports: Ports;
  readonly state: StateDirectory;
  readonly gateTimeoutMs: number;
  /** False for `apply --no-restart`: the files are written and the restart stays pending. */
  readonly mayRestart: boolean;
  readonly signal: AbortSignal;
  readonly onRestart: (reason: string, outcome: "ok" | "failed") => void;
}
