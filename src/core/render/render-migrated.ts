import type { LegacyEndpoint, LegacyRegistry } from "../containerd/config/legacy-registry.ts";
import type { LegacyTls } from "../containerd/registry-config.ts";
import { type ContainerdVersion, traitsOf } from "../containerd/version.ts";
import { mirrorUrl } from "../desired-state/desired-state.ts";
import { OWNERSHIP_MARKER } from "../file-tree.ts";
import { registryDirectory } from "./registry-directory.ts";
import { type MirrorEntry, renderHostsToml, type TlsFiles } from "./render-hosts-toml.ts";
import type { RenderedRegistry } from "./render-registries.ts";

const MOVED_NOTE = "# Moved here from registry.mirrors of config.toml.";

/**
 * True for a hosts.toml that says what config.toml said before. Nothing but its own text may remember that: were it
 * removed because the record is lost, the mirror would be nowhere.
 */
export function isMoved(bytes: Uint8Array): boolean {
  const head = `${OWNERSHIP_MARKER}\n${MOVED_NOTE}\n`;
  return new TextDecoder().decode(bytes.subarray(0, head.length)) === head;
}

/**
 * A legacy `registry.mirrors` entry said again as hosts.toml, with the same meaning: endpoints in order, their
 * paths as written, then the default upstream unless an endpoint is that host. PEM files stay where they are.
 */
export function renderMigrated(
  legacy: LegacyRegistry,
  context: { readonly certsD: string; readonly version: ContainerdVersion },
): RenderedRegistry {
  const { namespace } = legacy;
  const entries = withoutRepeats(legacy.endpoints.map(toEntry));
  const upstream = legacy.appendsUpstream ? "allow" : "never";
  const upstreamTls = legacy.upstreamTls === undefined ? {} : tlsFiles(legacy.upstreamTls);
  const text = renderHostsToml({ namespace, upstream }, entries, traitsOf(context.version), { upstreamTls });
  const directory = `${context.certsD}/${registryDirectory(namespace)}`;
  return {
    namespace,
    upstream,
    mirrors: entries.map((entry) => mirrorUrl(entry.mirror)),
    directory,
    hostsToml: {
      path: `${directory}/hosts.toml`,
      bytes: new TextEncoder().encode(text.replace(OWNERSHIP_MARKER, `${OWNERSHIP_MARKER}\n${MOVED_NOTE}`)),
      mode: 0o644,
      secret: false,
    },
    pemFiles: [],
    externalFiles: entries.flatMap(({ tls }) => filesOf(tls)).concat(filesOf(upstreamTls)),
    criCredentials: [],
  };
}

/** A host named twice drops the whole file; asking it twice never meant more than asking it once. */
function withoutRepeats(entries: readonly MirrorEntry[]): readonly MirrorEntry[] {
  const urls = entries.map(({ mirror }) => mirrorUrl(mirror));
  return entries.filter((_entry, index) => urls.indexOf(urls[index] ?? "") === index);
}

function toEntry(endpoint: LegacyEndpoint): MirrorEntry {
  const { scheme, host, tls } = endpoint;
  // containerd cleans the whole request path before it sends it.
  const path = endpoint.path.replace(/\/{2,}/g, "/").replace(/(?<=.)\/$/, "");
  return {
    mirror: {
      scheme: scheme === "http" ? "http" : "https",
      host,
      // The legacy default path; without override_path it means the same.
      path: path === "/v2" ? "" : path,
      capabilities: ["pull", "resolve"],
    },
    tls: tls === undefined ? {} : tlsFiles(tls),
  };
}

function filesOf({ caFile, client }: TlsFiles): readonly string[] {
  return [caFile ?? [], client ?? []].flat();
}

function tlsFiles({ caFile, certFile, keyFile, insecureSkipVerify }: LegacyTls): TlsFiles {
  return {
    ...(caFile === undefined ? {} : { caFile }),
    ...(certFile === undefined || keyFile === undefined ? {} : { client: [certFile, keyFile] as const }),
    ...(insecureSkipVerify === true ? { skipVerify: true } : {}),
  };
}
