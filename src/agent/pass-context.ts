import type { AgentConfig } from "../core/agent-config/agent-config.ts";
import type { WitnessIdentity } from "../core/evidence/witness-identity.ts";
import type { PlanSettings } from "../core/plan/node-plan.ts";
import type { RenderRegistries } from "../core/render/remember-rendered.ts";
import type { ApplyRecord } from "./apply-record.ts";
import type { Choice, Wanted } from "./choose-desired-state.ts";
import type { ConfigContext } from "./config-change.ts";
import { legacyDirectory } from "./legacy-directory.ts";
import { tracingSettings } from "./observe-tracing.ts";
import type { Ports } from "./ports.ts";
import type { PassReport } from "./report.ts";
import type { StateDirectory } from "./state-directory.ts";
import type { WitnessKeeper } from "./witness-keeper.ts";

export interface PassContext {
  readonly ports: Ports;
  readonly state: StateDirectory;
  readonly config: AgentConfig;
  /** Take over hosts.toml files that others wrote. */
  readonly adopt: boolean;
  /** False for `apply --no-restart`. */
  readonly mayRestart: boolean;
  /** True for `apply`: a person asks for another try of what failed before. */
  readonly retryQuarantined: boolean;
  readonly gateTimeoutMs: number;
  readonly signal: AbortSignal;
  /** Reads and checks the desired state; reads again at every pass. */
  readonly load: () => Promise<Wanted>;
  /** Remembers what the passes before rendered. */
  readonly render?: RenderRegistries;
  /** Undefined: hosts.toml names no witness. */
  readonly witness?: WitnessKeeper | undefined;
  /** Takes back what was opened to an agent without root, for `restore`; a line each. */
  readonly closeDirectories?: (() => Promise<readonly string[]>) | undefined;
}

/** What the pass has done so far, kept even when it fails half way. */
export interface Progress {
  readonly done: string[];
  readonly restarts: { reason: string; outcome: "ok" | "failed" }[];
  /** Why traces could not be switched by this pass, if they could not. */
  tracesTrouble?: string;
  /** The record says of this pass that it tries a new desired state. */
  isTried?: boolean;
  record: ApplyRecord | undefined;
  wanted: Wanted | undefined;
}

/** How a pass ended; what it leaves out is filled in from its progress. */
export type PassResult = Pick<PassReport, "outcome" | "conditions"> & Partial<PassReport>;

/**
 * How this node is to be written, as the planner wants to know it. `identity` is the witness', which hosts.toml
 * names; undefined where there is none. Without a record traces are left alone.
 */
export function planSettings(
  choice: Choice,
  context: PassContext,
  identity: WitnessIdentity | undefined,
  record?: ApplyRecord,
): PlanSettings {
  const { config, ports, adopt, render } = context;
  const address = config.evidence.witnessAddress;
  return {
    ...(record === undefined ? {} : { tracing: tracingSettings(record, context) }),
    style: config.style,
    certsD: config.containerd.certsD,
    legacyDirectory: legacyDirectory(config),
    adopt,
    digest: ports.sha256,
    criCredentialHosts: new Set(choice.criCredentialHosts),
    migrated: choice.migratedBefore,
    render,
    witness: identity === undefined ? undefined : { address, certificate: identity.certificate },
  };
}

/** A change of config.toml is seen through even when the agent is asked to stop; its own time limits bound it. */
export function configContext(context: PassContext, progress: Progress): ConfigContext {
  const { ports, state, gateTimeoutMs, mayRestart } = context;
  const { signal } = new AbortController();
  return {
    ports,
    state,
    gateTimeoutMs,
    mayRestart,
    signal,
    onRestart: (reason, outcome) => progress.restarts.push({ reason, outcome }),
  };
}
