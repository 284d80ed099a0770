import type { WantedReceiver } from "../containerd/config/edit-traces.ts";
import type { LegacyRegistry } from "../containerd/config/legacy-registry.ts";
import type { EnvironmentPlace, TracesPlace } from "../containerd/tracing/traces-place.ts";
import type { Issue } from "../issue.ts";
import type { RenderRegistries } from "../render/remember-rendered.ts";
import type { RenderedRegistry } from "../render/render-registries.ts";
import type { RenderWitness } from "../render/witness-entry.ts";
import type { Conflict, FileChange } from "./plan-certs.ts";
import type { Problem } from "./problem.ts";
import type { EditConfigStep, Step, SwitchTracesStep } from "./step.ts";

/** How this node is to be written; from agent.toml and from what earlier passes learned. */
export interface PlanSettings {
  readonly style: "certs.d" | "legacy";
  readonly certsD: string;
  /** Where the legacy style keeps its PEM files. */
  readonly legacyDirectory: string;
  readonly adopt: boolean;
  readonly digest: (bytes: Uint8Array) => string;
  readonly criCredentialHosts: ReadonlySet<string>;
  /** Of the certs.d style; undefined: no host of the agent's own is named. */
  readonly witness?: RenderWitness | undefined;
  /** Legacy mirrors moved out of config.toml by earlier passes. */
  readonly migrated: readonly LegacyRegistry[];
  /** Undefined: this plan has nothing to do with traces. */
  readonly tracing?: TracingSettings | undefined;
  /** What config.toml is to say of traces; undefined: what it says now. */
  readonly receiver?: WantedReceiver | undefined;
  /** One that remembers, for who plans again and again. */
  readonly render?: RenderRegistries | undefined;
}

export interface NodePlan {
  readonly steps: readonly Step[];
  readonly changes: readonly FileChange[];
  /** The config.toml part of `steps`, if there is one; always followed by a restart. */
  readonly configEdit: EditConfigStep | undefined;
  readonly conflicts: readonly Conflict[];
  /** Host namespaces that cannot be put on this node, and why. */
  readonly problems: readonly Problem[];
  readonly issues: readonly Issue[];
  /** Legacy mirrors that stand for something after this plan. */
  readonly migrated: readonly LegacyRegistry[];
  readonly rendered: readonly RenderedRegistry[];
  readonly tracing?: TracingPlan | undefined;
}

/** How traces are wanted on this node; from agent.toml and from what earlier passes did. */
export interface TracingSettings {
  /** `evidence.traces` */
  readonly wanted: boolean | "auto";
  /** Where the agent listens: host:port. */
  readonly httpAddress: string;
  readonly place: EnvironmentPlace | undefined;
  /** The unit of a program that starts containerd, where `place` gives its environment to all of it. */
  readonly sharedUnit: string | undefined;
  /** What earlier passes have put in force. */
  readonly last: TracesInForce | undefined;
  /** What did not work on this node. */
  readonly failed: FailedTraces | undefined;
  /** A person asks for another try of it. */
  readonly retryFailed: boolean;
}

/** Our file as it was last written. */
export interface TracesInForce extends TracesPlace {
  /** Of its content. */
  readonly digest: string;
  readonly endpoint: string;
}

export interface FailedTraces {
  readonly digest: string;
  readonly message: string;
  /** False: containerd is well with it, and it is still in place, but no traces come of it. */
  readonly takenBack: boolean;
}

/** pending: containerd has to be restarted for it · unavailable: this node cannot have traces now, and why. */
export type TracingState = "on" | "off" | "pending" | "unavailable";

export interface TracingPlan {
  readonly state: TracingState;
  /** One sentence for a person. */
  readonly message: string;
  readonly step: SwitchTracesStep | undefined;
  /** What config.toml has to say for it; undefined: what it says now. */
  readonly receiver?: WantedReceiver | undefined;
  /** config.toml is changed for traces and for nothing else. */
  readonly hasOwnEdit?: boolean;
  /** Our file once the step is done; undefined: there is none. */
  readonly inForce: TracesInForce | undefined;
  readonly issues: readonly Issue[];
}
