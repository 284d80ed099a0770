import type { LegacyRegistry } from "../containerd/config/legacy-registry.ts";
import type { Issue } from "../issue.ts";
import type { RenderRegistries } from "../render/remember-rendered.ts";
import type { RenderedRegistry } from "../render/render-registries.ts";
import type { RenderWitness } from "../render/witness-entry.ts";
import type { Conflict, FileChange } from "./plan-certs.ts";
import type { Problem } from "./problem.ts";
import type { EditConfigStep, Step } from "./step.ts";

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
}
