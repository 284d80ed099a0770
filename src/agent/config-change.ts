import type { LegacyRegistry } from "../core/containerd/config/legacy-registry.ts";
import type { EditConfigStep } from "../core/plan/step.ts";
import type { Ports } from "./ports.ts";
import type { StateDirectory } from "./state-directory.ts";

/** A change of config.toml and the restart that goes with it. */
export interface ConfigChange {
  readonly step: EditConfigStep;
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

export type ConfigOutcome =
  | { readonly kind: "restarted" }
  /** The candidate was refused before anything was touched. */
  | { readonly kind: "refused"; readonly message: string }
  /** The old bytes are back and containerd is healthy on them. */
  | { readonly kind: "rolled-back"; readonly message: string }
  /** Restarting now would exceed the budget; nothing is lost, the restart stays pending. */
  | { readonly kind: "deferred"; readonly waitMs: number }
  /** The old bytes are back (or could not be put back) and containerd is not well: hands off. */
  | { readonly kind: "degraded"; readonly message: string };

export interface ConfigContext {
  readonly ports: Ports;
  readonly state: StateDirectory;
  readonly gateTimeoutMs: number;
  /** False for `apply --no-restart`: config.toml is written and the restart stays pending. */
  readonly mayRestart: boolean;
  readonly signal: AbortSignal;
  readonly onRestart: (reason: string, outcome: "ok" | "failed") => void;
}
