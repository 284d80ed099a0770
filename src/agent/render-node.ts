import type { AgentConfig } from "../core/agent-config/agent-config.ts";
import type { ContainerdVersion } from "../core/containerd/version.ts";
import type { DesiredState } from "../core/desired-state/desired-state.ts";
import type { RenderedFile } from "../core/file-tree.ts";
import type { HostState, ObservedFile, ObservedTree } from "../core/host-state.ts";
import type { NodePlan } from "../core/plan/node-plan.ts";
import { planNode } from "../core/plan/plan-node.ts";
import type { Step } from "../core/plan/step.ts";
import { legacyDirectory } from "./legacy-directory.ts";

export interface RenderedNode {
  /** Every file that would be on a node with nothing but `config` on it. */
  readonly files: readonly RenderedFile[];
  readonly plan: NodePlan;
}

/** The exact tree a node would have, from the planner that `apply` uses, for a node without a certs.d. */
export function renderNode(
  desired: DesiredState,
  input: {
    readonly config: AgentConfig;
    readonly version: ContainerdVersion;
    /** The config.toml to edit; undefined: a minimal one is made. */
    readonly configToml: Uint8Array | undefined;
    readonly sha256: (bytes: Uint8Array) => string;
  },
): RenderedNode {
  const { config, version, configToml, sha256 } = input;
  const host = emptyHost(config, version, configToml);
  const mirrors = desired.registries.flatMap((registry) => registry.mirrors);
  const plan = planNode(desired, host, {
    style: config.style,
    certsD: config.containerd.certsD,
    legacyDirectory: legacyDirectory(config),
    adopt: false,
    digest: sha256,
    // No mirror can be asked here: `auto` means the header, which needs no restart.
    criCredentialHosts: new Set(config.credentials === "cri" ? mirrors.map((mirror) => mirror.host) : []),
    migrated: [],
  });
  const files = plan.steps.flatMap(filesOf);
  const edited = files.some((file) => file.path === config.containerd.config);
  return {
    plan,
    files: edited || configToml === undefined ? files : [...files, untouched(config, configToml)],
  };
}

function filesOf(step: Step): readonly RenderedFile[] {
  if (step.kind === "write-files") return step.files;
  if (step.kind === "create-directories") return step.directories.flatMap((directory) => directory.files);
  if (step.kind !== "edit-config") return [];
  return [{ path: step.path, bytes: step.after, mode: 0o644, secret: true }];
}

function untouched(config: AgentConfig, bytes: Uint8Array): RenderedFile {
  return { path: config.containerd.config, bytes, mode: 0o644, secret: true };
}

function emptyHost(
  config: AgentConfig,
  version: ContainerdVersion,
  configToml: Uint8Array | undefined,
): HostState {
  const tree = (root: string): ObservedTree => ({
    root,
    exists: false,
    directories: [],
    files: [],
    others: [],
  });
  const path = config.containerd.config;
  const file: ObservedFile | undefined =
    configToml === undefined
      ? undefined
      : { path, realPath: path, bytes: configToml, mode: 0o644, uid: 0, gid: 0, modifiedMs: 0 };
  return {
    version,
    certsD: tree(config.containerd.certsD),
    legacyFiles: tree(legacyDirectory(config)),
    config: { path, file, imports: [] },
    otherRoots: [],
  };
}
