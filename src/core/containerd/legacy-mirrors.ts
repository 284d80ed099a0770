import { defaultHost } from "./default-upstream.ts";
import { parseGoUrl } from "./go-url.ts";
import type { HostEntry } from "./hosts-toml/host-entry.ts";
import { isLoopbackHost } from "./loopback.ts";
import type { RegistryConfig } from "./registry-config.ts";
import type { ContainerdTraits } from "./version.ts";

type LegacyTables = Pick<RegistryConfig, "mirrors" | "configs">;

export type LegacyResult =
  | { readonly ok: true; readonly entries: readonly HostEntry[] }
  | { readonly ok: false; readonly reason: string };

/**
 * The hosts for a namespace from `registry.mirrors`, which count only where config_path is empty. Unlike hosts.toml:
 * `*` stands in only for namespaces without a key of their own, a written path is used as it is, and the default
 * upstream comes last unless an endpoint has the namespace's very host.
 */
export function listLegacyHosts(
  config: LegacyTables,
  namespace: string,
  traits: ContainerdTraits,
): LegacyResult {
  const mirror =
    config.mirrors.find((candidate) => candidate.namespace === namespace) ??
    config.mirrors.find((candidate) => candidate.namespace === "*");
  const entries: HostEntry[] = [];
  for (const endpoint of mirror?.endpoints ?? []) {
    const entry = readEndpoint(endpoint, config, traits);
    if (!entry.ok) return entry;
    entries.push({ ...entry.entry, ...(mirror && { line: mirror.at.line, column: mirror.at.column }) });
  }
  if (entries.some(({ host }) => host === namespace)) return { ok: true, entries };
  const upstream = readEndpoint(defaultHost(namespace), config, traits);
  if (!upstream.ok) return upstream;
  return { ok: true, entries: [...entries, { ...upstream.entry, written: "", isRoot: true }] };
}

function readEndpoint(
  endpoint: string,
  { configs }: LegacyTables,
  traits: ContainerdTraits,
): { ok: true; entry: HostEntry } | { ok: false; reason: string } {
  const bare = endpoint.includes("://") ? undefined : parseGoUrl(`dummy://${endpoint}`);
  if (bare?.ok === false) return { ok: false, reason: `parse endpoint url: ${bare.message}` };
  const prefix = bare === undefined ? "" : isLoopbackHost(bare.host) ? "http://" : "https://";
  const url = parseGoUrl(`${prefix}${endpoint}`);
  if (!url.ok) return { ok: false, reason: `parse endpoint url: ${url.message}` };
  const tls = traits.readsLegacyTls ? configs.find(({ host }) => host === url.host)?.tls : undefined;
  return {
    ok: true,
    entry: {
      written: endpoint,
      scheme: url.scheme,
      host: url.host,
      path: url.path === "" ? "/v2" : url.path,
      capabilities: ["pull", "resolve"],
      ...(tls?.caFile && { ca: [tls.caFile] }),
      ...(tls?.certFile && { client: [[tls.certFile, tls.keyFile ?? ""] as const] }),
      ...(tls?.insecureSkipVerify !== undefined && { skipVerify: tls.insecureSkipVerify }),
      httpsFirst: false,
      isRoot: false,
    },
  };
}
