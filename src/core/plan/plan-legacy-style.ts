import type { LegacyRegistry } from "../containerd/config/legacy-registry.ts";
import type { WantedTls } from "../containerd/config/wanted-registries.ts";
import { traitsOf } from "../containerd/version.ts";
import type { DesiredState, HostCredential, Registry } from "../desired-state/desired-state.ts";
import { isOwned } from "../file-tree.ts";
import type { HostState } from "../host-state.ts";
import { registryDirectory } from "../render/registry-directory.ts";
import { renderLegacy } from "../render/render-legacy.ts";
import { upstreamHost } from "../render/upstream.ts";
import type { NodePlan, PlanSettings } from "./node-plan.ts";
import { planCerts } from "./plan-certs.ts";
import {
  afterEdit,
  configChange,
  migratedRegistries,
  planConfig,
  toAuths,
  upstreamCredentials,
} from "./plan-config.ts";
import { planLegacyFiles } from "./plan-legacy-files.ts";
import type { Problem } from "./problem.ts";

/** The plan of a node that must stay on `registry.mirrors` in config.toml. */
export function planLegacyStyle(desired: DesiredState, host: HostState, settings: PlanSettings): NodePlan {
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
  const config = planConfig(host, { style: "legacy", mirrors, tls, auths }, settings.receiver);
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

function credentialsOf(registry: Registry): readonly HostCredential[] {
  return registry.mirrors.flatMap(({ host, credential }) =>
    credential === undefined ? [] : [{ host, credential }],
  );
}
