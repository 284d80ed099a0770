import type { WantedReceiver } from "../containerd/config/edit-traces.ts";
import type { LegacyRegistry } from "../containerd/config/legacy-registry.ts";
import { planConfigEdit } from "../containerd/config/plan-config-edit.ts";
import { decodeText } from "../decode-text.ts";
import type { DesiredState, HostCredential } from "../desired-state/desired-state.ts";
import type { HostState } from "../host-state.ts";
import type { Issue } from "../issue.ts";
import { upstreamHost } from "../render/upstream.ts";
import type { FileChange } from "./plan-certs.ts";
import type { EditConfigStep, Step } from "./step.ts";

/** The part of a plan that is about config.toml. */
export interface ConfigPlan {
  readonly steps: readonly Step[];
  readonly edit: EditConfigStep | undefined;
  /** config.toml needs a change that cannot be made: what it names now must stay. */
  readonly isRefused: boolean;
  readonly issues: readonly Issue[];
  readonly migrated: readonly LegacyRegistry[];
}

export function planConfig(
  host: HostState,
  wanted: Parameters<typeof planConfigEdit>[0]["wanted"],
  receiver: WantedReceiver | undefined,
): ConfigPlan {
  const { path, file, imports } = host.config;
  const text = file === undefined ? undefined : decodeText(file.bytes);
  const result = planConfigEdit({ path, text, imports, version: host.version, wanted, receiver });
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

export function configChange(edit: EditConfigStep | undefined): readonly FileChange[] {
  if (edit === undefined) return [];
  return [{ path: edit.path, before: edit.before, after: edit.after, secret: true }];
}

/** config.toml stays as it is. */
export function leave({ issues }: Pick<ConfigPlan, "issues">): ConfigPlan {
  return { steps: [], edit: undefined, isRefused: true, issues, migrated: [] };
}

/** What the other style left behind goes once config.toml does not name it any more. */
export function afterEdit(removals: readonly Step[], { isRefused }: ConfigPlan): readonly Step[] {
  if (isRefused) return [];
  return removals.map((step) =>
    step.kind === "remove-files" || step.kind === "remove-directories" ? { ...step, afterEdit: true } : step,
  );
}

/** Credentials for an upstream that must never be contacted would only be a secret in one more place. */
export function upstreamCredentials(desired: DesiredState): readonly HostCredential[] {
  const closed = desired.registries.filter((registry) => registry.upstream === "never");
  const hosts = new Set(closed.map((registry) => upstreamHost(registry.namespace)));
  return desired.upstreamCredentials.filter(({ host }) => !hosts.has(host));
}

export function toAuths(credentials: readonly HostCredential[]) {
  const byHost = new Map(credentials.map(({ host, credential }) => [host, { host, ...credential }]));
  return [...byHost.values()];
}

/** What the file says now wins over what earlier passes moved; the desired state wins over both. */
export function migratedRegistries(
  fresh: readonly LegacyRegistry[],
  earlier: readonly LegacyRegistry[],
  desired: readonly { readonly namespace: string }[],
): readonly LegacyRegistry[] {
  const all = new Map([...earlier, ...fresh].map((legacy) => [legacy.namespace, legacy]));
  for (const registry of desired) all.delete(registry.namespace);
  return [...all.values()];
}
