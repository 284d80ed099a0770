import type { LegacyRegistry } from "../containerd/config/legacy-registry.ts";
import { planConfigEdit } from "../containerd/config/plan-config-edit.ts";
import type { WantedTls } from "../containerd/config/wanted-registries.ts";
import { traitsOf } from "../containerd/version.ts";
import type { DesiredState, HostCredential, Registry } from "../desired-state/desired-state.ts";
import { isOwned, type RenderedFile } from "../file-tree.ts";
import type { HostState, ObservedTree } from "../host-state.ts";
import type { Issue } from "../issue.ts";
import { checkRendered } from "../render/check-rendered.ts";
import { registryDirectory } from "../render/registry-directory.ts";
import { type RenderRegistries, renderEach } from "../render/remember-rendered.ts";
import { renderLegacy } from "../render/render-legacy.ts";
import { renderMigrated } from "../render/render-migrated.ts";
import type { RenderedRegistry } from "../render/render-registries.ts";
import { upstreamHost } from "../render/upstream.ts";
import { equalBytes } from "./equal-bytes.ts";
import { findHidden } from "./find-hidden.ts";
import { findLostRoots, withholdDefault } from "./find-lost-roots.ts";
import { type Conflict, type FileChange, planCerts } from "./plan-certs.ts";
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

/** The one planner: `plan`, `apply` and the agent all get their steps from here. */
export function planNode(desired: DesiredState, host: HostState, settings: PlanSettings): NodePlan {
  return settings.style === "legacy"
    ? planLegacyStyle(desired, host, settings)
    : planCertsStyle(desired, host, settings);
}

function planCertsStyle(desired: DesiredState, host: HostState, settings: PlanSettings): NodePlan {
  const context = { ...settings, version: host.version };
  const results = (settings.render ?? renderEach)(desired.registries, context);
  const wanted = results.flatMap((result) => (result.ok ? [result.registry] : []));
  const auths = toAuths([...wanted.flatMap((r) => r.criCredentials), ...upstreamCredentials(desired)]);
  const edited = planConfig(host, { style: "certs.d", configPath: settings.certsD, auths });
  const inexpressible: readonly Problem[] = results.flatMap((result) => (result.ok ? [] : [result]));
  // A mirror that works from config.toml stays, there or in certs.d, until something better is in its place.
  const fresh = edited.migrated.filter((legacy) => !has(wanted, legacy));
  const lost = misread(
    fresh.map((legacy) => renderMigrated(legacy, context)),
    host,
    settings.certsD,
  );
  const covered = new Set([...wanted, ...edited.migrated, ...settings.migrated].map((r) => r.namespace));
  const roots = findLostRoots(edited.edit === undefined ? [] : host.otherRoots, host.certsD, covered);
  const config =
    lost.length > 0 ? refuseMove(edited, lost) : roots.problems.length > 0 ? leave(edited) : edited;
  const migrated = migratedRegistries(config.migrated, settings.migrated, wanted);
  const moved = migrated.map((legacy) => renderMigrated(legacy, context));
  const unsound = misread([...wanted, ...moved], host, settings.certsD);
  const early = roots.problems.length === 0 ? [] : withholdDefault(wanted, host.certsD);
  const held = [...unsound, ...early];
  const hidden = has(inexpressible, { namespace: "*" })
    ? { problems: [], issues: [] }
    : findHidden(desired, host.certsD, new Set(moved.map(({ namespace }) => namespace)));
  const problems = [...inexpressible, ...held, ...roots.problems, ...hidden.problems];
  const sound = [...wanted, ...moved].filter((registry) => !has(held, registry));
  const bad = problems.map(({ namespace }) => namespace).filter((namespace) => !has(moved, { namespace }));
  const kept = bad.map((namespace) => `${settings.certsD}/${registryDirectory(namespace)}`);
  const certs = planCerts(sound, host.certsD, { adopt: settings.adopt, kept });
  const legacy = planLegacyFiles([], host.legacyFiles);
  return {
    steps: [...certs.writes, ...config.steps, ...certs.removals, ...afterEdit(legacy.removals, config)],
    changes: [...certs.changes, ...configChange(config.edit), ...legacy.changes],
    configEdit: config.edit,
    conflicts: certs.conflicts,
    problems,
    issues: [...config.issues, ...roots.issues, ...hidden.issues],
    migrated,
    rendered: sound,
  };
}

function has(
  list: readonly { readonly namespace: string }[],
  { namespace }: { readonly namespace: string },
): boolean {
  return list.some((item) => item.namespace === namespace);
}

/** Taken out of config.toml, these mirrors would be nowhere: it stays as it is. */
function refuseMove({ issues, migrated }: ConfigPlan, lost: readonly Problem[]): ConfigPlan {
  const refusals = lost.map(({ namespace, reason }): Issue => {
    const at = migrated.find((legacy) => legacy.namespace === namespace)?.at;
    return {
      code: "containerd-config-legacy-inexpressible",
      severity: "error",
      at: at ?? { file: "", line: 1, column: 1 },
      message: `registry.mirrors."${namespace}" cannot be said in certs.d (${reason}), so config.toml is left as it is and no mirror is configured`,
      fix: "remove that table or correct its endpoints, or name the registry in the desired state",
    };
  });
  return leave({ issues: [...issues, ...refusals] });
}

function leave({ issues }: Pick<ConfigPlan, "issues">): ConfigPlan {
  return { steps: [], edit: undefined, isRefused: true, issues, migrated: [] };
}

/** What the other style left behind goes once config.toml does not name it any more. */
function afterEdit(removals: readonly Step[], { isRefused }: ConfigPlan): readonly Step[] {
  if (isRefused) return [];
  return removals.map((step) =>
    step.kind === "remove-files" || step.kind === "remove-directories" ? { ...step, afterEdit: true } : step,
  );
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
  const opened = legacy.problems.filter(({ namespace }) => isClosedNow(namespace, desired, host, settings));
  if (opened.length > 0) return standStill(opened, settings);
  const credentials = desired.registries.flatMap(credentialsOf);
  const moved = migratedRegistries([], settings.migrated, desired.registries);
  const mirrors = [...legacy.mirrors, ...moved.filter(hasEndpoints).map(toLegacyMirror)];
  const tls = [...legacy.tls, ...movedTls(moved, legacy.tls, host)];
  const auths = toAuths([...credentials, ...upstreamCredentials(desired)]);
  const config = planConfig(host, { style: "legacy", mirrors, tls, auths });
  const certs = planCerts([], host.certsD, { adopt: settings.adopt, kept: [], dropMoved: true });
  const pem = planLegacyFiles(legacy.files, host.legacyFiles);
  return {
    steps: [...pem.writes, ...config.steps, ...afterEdit([...certs.removals, ...pem.removals], config)],
    changes: [...pem.changes, ...certs.changes, ...configChange(config.edit)],
    configEdit: config.edit,
    conflicts: [],
    problems: legacy.problems,
    issues: config.issues,
    migrated: moved,
    rendered: [],
  };
}

/** Whether certs.d keeps the upstream of a namespace closed, which the legacy style would open. */
function isClosedNow(
  namespace: string,
  desired: DesiredState,
  { certsD }: HostState,
  settings: PlanSettings,
): boolean {
  const registry = desired.registries.find((candidate) => candidate.namespace === namespace);
  const path = `${settings.certsD}/${registryDirectory(namespace)}/hosts.toml`;
  return (
    registry?.upstream === "never" && certsD.files.some((file) => file.path === path && isOwned(file.bytes))
  );
}

function standStill(opened: readonly Problem[], { migrated }: PlanSettings): NodePlan {
  const problems = opened.map(({ namespace, reason }) => ({
    namespace,
    reason: `${reason}; until then nothing is changed on this node, because its upstream would be opened`,
  }));
  return {
    steps: [],
    changes: [],
    configEdit: undefined,
    conflicts: [],
    problems,
    issues: [],
    migrated,
    rendered: [],
  };
}

function hasEndpoints({ endpoints }: LegacyRegistry): boolean {
  return endpoints.length > 0;
}

/** Mirrors that came from config.toml go back there with the style. */
function toLegacyMirror({ namespace, endpoints }: LegacyRegistry) {
  const urls = endpoints.map(({ scheme, host, path }) => `${scheme}://${host}${path === "/v2" ? "" : path}`);
  return { namespace, endpoints: urls };
}

function movedTls(
  moved: readonly LegacyRegistry[],
  own: readonly WantedTls[],
  { version }: HostState,
): readonly WantedTls[] {
  if (!traitsOf(version).readsLegacyTls) return [];
  const parts = moved.flatMap(({ namespace, endpoints, upstreamTls }) => [
    ...endpoints.map(({ host, tls }) => ({ host, tls })),
    { host: upstreamHost(namespace), tls: upstreamTls },
  ]);
  const known = new Set(own.map(({ host }) => host));
  const byHost = new Map(
    parts.flatMap(({ host, tls }) => (tls === undefined || known.has(host) ? [] : [[host, tls]])),
  );
  return [...byHost].map(([host, tls]) => ({ host, ...tls }));
}

interface ConfigPlan {
  readonly steps: readonly Step[];
  readonly edit: EditConfigStep | undefined;
  /** config.toml needs a change that cannot be made: what it names now must stay. */
  readonly isRefused: boolean;
  readonly issues: readonly Issue[];
  readonly migrated: readonly LegacyRegistry[];
}

function planConfig(host: HostState, wanted: Parameters<typeof planConfigEdit>[0]["wanted"]): ConfigPlan {
  const { path, file, imports } = host.config;
  const text =
    file === undefined ? undefined : new TextDecoder("utf-8", { ignoreBOM: true }).decode(file.bytes);
  const result = planConfigEdit({ path, text, imports, version: host.version, wanted });
  if (!result.ok) return { steps: [], edit: undefined, isRefused: true, issues: result.issues, migrated: [] };
  const { notices: issues, migrated } = result;
  if (!result.changed) return { steps: [], edit: undefined, isRefused: false, issues, migrated };
  const edit: EditConfigStep = {
    kind: "edit-config",
    path,
    before: file?.bytes,
    after: new TextEncoder().encode(result.text),
    ...(wanted.auths.length === 0 ? {} : { mode: 0o600 }),
    changes: result.changes,
  };
  const steps: readonly Step[] = [edit, { kind: "restart-containerd", reason: `${path} changed` }];
  return { steps, edit, isRefused: false, issues, migrated };
}

function configChange(edit: EditConfigStep | undefined): readonly FileChange[] {
  if (edit === undefined) return [];
  return [{ path: edit.path, before: edit.before, after: edit.after, secret: true }];
}

/** What the file says now wins over what earlier passes moved; the desired state wins over both. */
function migratedRegistries(
  fresh: readonly LegacyRegistry[],
  earlier: readonly LegacyRegistry[],
  desired: readonly { readonly namespace: string }[],
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
