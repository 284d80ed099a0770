import type { LegacyRegistry } from "../containerd/config/legacy-registry.ts";
import { planConfigEdit } from "../containerd/config/plan-config-edit.ts";
import type { DesiredState, HostCredential, Registry } from "../desired-state/desired-state.ts";
import { isOwned, type RenderedFile } from "../file-tree.ts";
import type { HostState, ObservedTree } from "../host-state.ts";
import type { Issue } from "../issue.ts";
import { checkRendered } from "../render/check-rendered.ts";
import { registryDirectory } from "../render/registry-directory.ts";
import { renderLegacy } from "../render/render-legacy.ts";
import { renderMigrated } from "../render/render-migrated.ts";
import { type RenderedRegistry, renderRegistry } from "../render/render-registries.ts";
import { upstreamHost } from "../render/upstream.ts";
import { equalBytes } from "./equal-bytes.ts";
import { type Conflict, type FileChange, planCerts } from "./plan-certs.ts";
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
  /** Legacy mirrors moved out of config.toml by earlier passes. */
  readonly migrated: readonly LegacyRegistry[];
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

export interface Problem {
  readonly namespace: string;
  readonly reason: string;
}

/** The one planner: `plan`, `apply` and the agent all get their steps from here. */
export function planNode(desired: DesiredState, host: HostState, settings: PlanSettings): NodePlan {
  return settings.style === "legacy"
    ? planLegacyStyle(desired, host, settings)
    : planCertsStyle(desired, host, settings);
}

function planCertsStyle(desired: DesiredState, host: HostState, settings: PlanSettings): NodePlan {
  const context = { ...settings, version: host.version };
  const results = desired.registries.map((registry) => renderRegistry(registry, context));
  const wanted = results.flatMap((result) => (result.ok ? [result.registry] : []));
  const auths = toAuths([...wanted.flatMap((r) => r.criCredentials), ...upstreamCredentials(desired)]);
  const config = planConfig(host, { style: "certs.d", configPath: settings.certsD, auths });
  const migrated = migratedRegistries(config.migrated, settings.migrated, desired.registries);
  const rendered = [...wanted, ...migrated.map((legacy) => renderMigrated(legacy, context))];
  const problems: readonly Problem[] = [
    ...results.flatMap((result) => (result.ok ? [] : [result])),
    ...misread(rendered, host, settings.certsD),
  ];
  const bad = new Set(problems.map((problem) => problem.namespace));
  const sound = rendered.filter((registry) => !bad.has(registry.namespace));
  const kept = [...bad].map((namespace) => `${settings.certsD}/${registryDirectory(namespace)}`);
  const certs = planCerts(sound, host.certsD, { adopt: settings.adopt, kept });
  const legacy = planLegacyFiles([], host.legacyFiles);
  return {
    steps: [...certs.writes, ...config.steps, ...certs.removals, ...legacy.removals],
    changes: [...certs.changes, ...configChange(config.edit), ...legacy.changes],
    configEdit: config.edit,
    conflicts: certs.conflicts,
    problems,
    issues: config.issues,
    migrated,
    rendered: sound,
  };
}

/** Nothing is put in place that the model of this containerd does not read back as it was meant. */
function misread(rendered: readonly RenderedRegistry[], host: HostState, certsD: string): readonly Problem[] {
  const present = new Map(host.certsD.files.map((file) => [file.path, file.bytes]));
  return rendered
    .filter(({ hostsToml }) => {
      const now = present.get(hostsToml.path);
      return now === undefined || !equalBytes(now, hostsToml.bytes);
    })
    .flatMap((registry) => checkRendered(registry, host.version, certsD));
}

function planLegacyStyle(desired: DesiredState, host: HostState, settings: PlanSettings): NodePlan {
  const legacy = renderLegacy(desired.registries, {
    directory: settings.legacyDirectory,
    version: host.version,
    digest: settings.digest,
  });
  const credentials = desired.registries.flatMap(credentialsOf);
  const { mirrors, tls } = legacy;
  const auths = toAuths([...credentials, ...upstreamCredentials(desired)]);
  const config = planConfig(host, { style: "legacy", mirrors, tls, auths });
  const certs = planCerts([], host.certsD, { adopt: settings.adopt, kept: [] });
  const pem = planLegacyFiles(legacy.files, host.legacyFiles);
  return {
    steps: [...pem.writes, ...config.steps, ...certs.removals, ...pem.removals],
    changes: [...pem.changes, ...certs.changes, ...configChange(config.edit)],
    configEdit: config.edit,
    conflicts: [],
    problems: legacy.problems,
    issues: config.issues,
    migrated: [],
    rendered: [],
  };
}

interface ConfigPlan {
  readonly steps: readonly Step[];
  readonly edit: EditConfigStep | undefined;
  readonly issues: readonly Issue[];
  readonly migrated: readonly LegacyRegistry[];
}

function planConfig(host: HostState, wanted: Parameters<typeof planConfigEdit>[0]["wanted"]): ConfigPlan {
  const { path, file, imports } = host.config;
  const text =
    file === undefined ? undefined : new TextDecoder("utf-8", { ignoreBOM: true }).decode(file.bytes);
  const result = planConfigEdit({ path, text, imports, version: host.version, wanted });
  if (!result.ok) return { steps: [], edit: undefined, issues: result.issues, migrated: [] };
  const { notices: issues, migrated } = result;
  if (!result.changed) return { steps: [], edit: undefined, issues, migrated };
  const edit: EditConfigStep = {
    kind: "edit-config",
    path,
    before: file?.bytes,
    after: new TextEncoder().encode(result.text),
    changes: result.changes,
  };
  return { steps: [edit, { kind: "restart-containerd", reason: `${path} changed` }], edit, issues, migrated };
}

function configChange(edit: EditConfigStep | undefined): readonly FileChange[] {
  if (edit === undefined) return [];
  return [{ path: edit.path, before: edit.before, after: edit.after, secret: true }];
}

/** What the file says now wins over what earlier passes moved; the desired state wins over both. */
function migratedRegistries(
  fresh: readonly LegacyRegistry[],
  earlier: readonly LegacyRegistry[],
  desired: readonly Registry[],
): readonly LegacyRegistry[] {
  const all = new Map([...earlier, ...fresh].map((legacy) => [legacy.namespace, legacy]));
  for (const registry of desired) all.delete(registry.namespace);
  return [...all.values()];
}

/** Credentials for an upstream that must never be contacted would only be a secret in one more place. */
function upstreamCredentials(desired: DesiredState): readonly HostCredential[] {
  const closed = desired.registries.filter((registry) => registry.upstream === "never");
  const hosts = new Set(closed.map((registry) => upstreamHost(registry.namespace)));
  return desired.upstreamCredentials.filter(({ host }) => !hosts.has(host));
}

function credentialsOf(registry: Registry): readonly HostCredential[] {
  return registry.mirrors.flatMap(({ host, credential }) =>
    credential === undefined ? [] : [{ host, credential }],
  );
}

function toAuths(credentials: readonly HostCredential[]) {
  const byHost = new Map(credentials.map(({ host, credential }) => [host, { host, ...credential }]));
  return [...byHost.values()];
}

function planLegacyFiles(files: readonly RenderedFile[], observed: ObservedTree) {
  const present = new Map(observed.files.map((file) => [file.path, file]));
  const wanted = new Set(files.map((file) => file.path));
  const written = files.filter((file) => {
    const now = present.get(file.path);
    return now === undefined || now.mode !== file.mode || !equalBytes(now.bytes, file.bytes);
  });
  const removed = observed.files.filter((file) => isOwned(file.bytes) && !wanted.has(file.path));
  const writes: readonly Step[] = written.length === 0 ? [] : [{ kind: "write-files", files: written }];
  const paths = removed.map((file) => file.path);
  const removals: readonly Step[] = paths.length === 0 ? [] : [{ kind: "remove-files", paths }];
  const changes: readonly FileChange[] = [
    ...written.map(({ path, bytes: after, secret }) => ({
      path,
      before: present.get(path)?.bytes,
      after,
      secret,
    })),
    ...removed.map(({ path, bytes: before }) => ({ path, before, after: undefined, secret: true })),
  ];
  return { writes, removals, changes };
}
