import { parseGoDuration } from "../go-duration.ts";
import { parseGoUrl } from "../go-url.ts";
import type { ContainerdTraits } from "../version.ts";
import { foldsCase, type ListedPlugin, type Refusal } from "./config-file.ts";
import { type ConfigNode, type ConfigTable, getNode } from "./config-tree.ts";
import type { MergedConfig } from "./merge-config.ts";

/** CRI's tables that say nothing of registries: on 1.x all one. */
export interface CriTables {
  /** `[plugins."io.containerd.grpc.v1.cri"]`. */
  readonly server: ConfigTable | undefined;
  /** `[plugins."io.containerd.cri.v1.runtime"]`. */
  readonly runtime: ConfigTable | undefined;
}

type Fault = Omit<Refusal, "kind">;

const LINUX_V1 = "io.containerd.runtime.v1.linux";

/**
 * A setting outside of `registry` that CRI does not load with, in containerd's words. Measured on 1.7.24 and 2.1.9;
 * source: `ValidatePluginConfig` (1.x), `ValidateRuntimeConfig` and `ValidateServerConfig` (2.x).
 */
export function findCriRefusal(
  { server, runtime }: CriTables,
  auths: ConfigNode | undefined,
  { disabledPlugins, schema }: Pick<MergedConfig, "disabledPlugins" | "schema">,
  traits: ContainerdTraits,
): Fault | undefined {
  const prefix = "invalid plugin config";
  const isOld = traits.importsReplacePluginTables;
  const fault =
    (isOld ? findSystemdCgroup(runtime) : undefined) ??
    findDefaultRuntime(runtime, traits) ??
    (isOld ? findRuntimeEngine(runtime) : undefined) ??
    findAuthUrl(auths) ??
    findIdleTimeout(server, traits);
  if (fault !== undefined) return { ...fault, reason: `${prefix}: ${fault.reason}` };
  return isOld ? findSnapshotter(runtime, disabledPlugins, schema) : undefined;
}

function findSystemdCgroup(cri: ConfigTable | undefined): Fault | undefined {
  const node = getNode(cri, ["systemd_cgroup"]);
  if (node?.kind !== "value" || node.value !== true) return undefined;
  // It is for the runtime of old alone: what people mean is SystemdCgroup among the options of runc.
  return { reason: `\`systemd_cgroup\` only works for runtime ${LINUX_V1}`, at: node.at };
}

function findDefaultRuntime(cri: ConfigTable | undefined, traits: ContainerdTraits): Fault | undefined {
  const fold = foldsCase(traits);
  const written = getNode(cri, ["containerd", "default_runtime_name"], fold);
  const runtimes = getNode(cri, ["containerd", "runtimes"], fold);
  const name = written?.kind === "value" && typeof written.value === "string" ? written.value : "runc";
  const at = written?.at ?? runtimes?.at;
  // 1.x: a runtime written by the key of old becomes the default, whatever the name says.
  const old = getNode(cri, ["containerd", "default_runtime", "runtime_type"]);
  const isOld = traits.importsReplacePluginTables && old?.kind === "value" && old.value !== "";
  if (at === undefined || isOld) return undefined;
  if (name === "") return { reason: "`default_runtime_name` is empty", at };
  // Runtimes that are written take the place of the default ones on 1.x, and are added to them on 2.x.
  const hasRunc = runtimes === undefined || !traits.importsReplacePluginTables;
  if (getNode(runtimes, [name]) !== undefined || (name === "runc" && hasRunc)) return undefined;
  const reason = `no corresponding runtime configured in \`containerd.runtimes\` for \`containerd\` \`default_runtime_name = "${name}"`;
  return { reason, at };
}

function findRuntimeEngine(cri: ConfigTable | undefined): Fault | undefined {
  const runtimes = getNode(cri, ["containerd", "runtimes"]);
  for (const runtime of runtimes?.kind === "table" ? runtimes.entries.values() : []) {
    const type = getNode(runtime, ["runtime_type"]);
    if (type?.kind === "value" && type.value === LINUX_V1) continue;
    for (const key of ["runtime_engine", "runtime_root"]) {
      const node = getNode(runtime, [key]);
      if (node?.kind === "value" && typeof node.value === "string" && node.value !== "")
        return { reason: `\`${key}\` only works for runtime ${LINUX_V1}`, at: node.at };
    }
  }
  return undefined;
}

function findAuthUrl(auths: ConfigNode | undefined): Fault | undefined {
  for (const [url, { at }] of auths?.kind === "table" ? auths.entries : []) {
    const parsed = parseGoUrl(url);
    if (!parsed.ok) {
      const reason = `failed to parse registry url ${JSON.stringify(url)} from \`registry.auths\`: ${parsed.message}`;
      return { reason, at };
    }
  }
  return undefined;
}

function findIdleTimeout(server: ConfigTable | undefined, traits: ContainerdTraits): Fault | undefined {
  const node = getNode(server, ["stream_idle_timeout"], foldsCase(traits));
  if (node?.kind !== "value" || typeof node.value !== "string" || node.value === "") return undefined;
  const duration = parseGoDuration(node.value);
  return duration.ok
    ? undefined
    : { reason: `invalid stream idle timeout: ${duration.message}`, at: node.at };
}

/** Before version 2 of the file plugins are listed by their short names. */
function findSnapshotter(
  cri: ConfigTable | undefined,
  disabled: readonly ListedPlugin[],
  schema: number,
): Fault | undefined {
  const node = getNode(cri, ["containerd", "snapshotter"]);
  const name = node?.kind === "value" && typeof node.value === "string" ? node.value : "overlayfs";
  const listed = schema < 2 ? name : `io.containerd.snapshotter.v1.${name}`;
  const entry = disabled.find((plugin) => plugin.name === listed);
  return (
    entry && { reason: `failed to create CRI service: failed to find snapshotter "${name}"`, at: entry.at }
  );
}
