import type { DesiredState } from "../desired-state/desired-state.ts";
import { type Gradual, mapGradually } from "../gradual.ts";
import type { HostState } from "../host-state.ts";
import type { Issue } from "../issue.ts";
import { checkRendered } from "../render/check-rendered.ts";
import { registryDirectory } from "../render/registry-directory.ts";
import { renderEach } from "../render/remember-rendered.ts";
import { renderMigrated } from "../render/render-migrated.ts";
import type { RenderedRegistry } from "../render/render-registries.ts";
import { equalBytes } from "./equal-bytes.ts";
import { findHidden } from "./find-hidden.ts";
import { findLostRoots, withholdDefault } from "./find-lost-roots.ts";
import type { NodePlan, PlanSettings } from "./node-plan.ts";
import { planCerts } from "./plan-certs.ts";
import {
  afterEdit,
  type ConfigPlan,
  configChange,
  leave,
  migratedRegistries,
  planConfig,
  toAuths,
  upstreamCredentials,
} from "./plan-config.ts";
import { planLegacyFiles } from "./plan-legacy-files.ts";
import type { Problem } from "./problem.ts";

/** The plan of a node that takes its mirrors from certs.d. */
export function* planCertsStyle(
  desired: DesiredState,
  host: HostState,
  settings: PlanSettings,
): Gradual<NodePlan> {
  const context = { ...settings, version: host.version };
  const results = yield* (settings.render ?? renderEach)(desired.registries, context);
  const wanted = results.flatMap((result) => (result.ok ? [result.registry] : []));
  const auths = toAuths([...wanted.flatMap((r) => r.criCredentials), ...upstreamCredentials(desired)]);
  const registries = { style: "certs.d", configPath: settings.certsD, auths } as const;
  const edited = planConfig(host, registries, settings.receiver);
  const inexpressible: readonly Problem[] = results.flatMap((result) => (result.ok ? [] : [result]));
  // A mirror that works from config.toml stays, there or in certs.d, until something better is in its place.
  const fresh = edited.migrated.filter((legacy) => !has(wanted, legacy));
  const lost = yield* misread(
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
  const unsound = yield* misread([...wanted, ...moved], host, settings.certsD);
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

/** Nothing is put in place that the model of this containerd does not read back as it was meant. */
function* misread(
  rendered: readonly RenderedRegistry[],
  host: HostState,
  certsD: string,
): Gradual<readonly Problem[]> {
  const present = new Map(host.certsD.files.map((file) => [file.path, file.bytes]));
  const changed = rendered.filter(({ hostsToml }) => {
    const now = present.get(hostsToml.path);
    return now === undefined || !equalBytes(now, hostsToml.bytes);
  });
  return (yield* mapGradually(changed, (registry) => checkRendered(registry, host.version, certsD))).flat();
}
