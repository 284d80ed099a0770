import type { WantedTls } from "../containerd/config/wanted-registries.ts";
import type { ContainerdVersion } from "../containerd/version.ts";
import { type Mirror, mirrorUrl, type Registry } from "../desired-state/desired-state.ts";
import { OWNERSHIP_MARKER, type RenderedFile } from "../file-tree.ts";

/** `registry.mirrors` and `registry.configs."host".tls` for nodes that must stay on the legacy style. */
export interface LegacyRendering {
  readonly mirrors: readonly { readonly namespace: string; readonly endpoints: readonly string[] }[];
  readonly tls: readonly WantedTls[];
  readonly files: readonly RenderedFile[];
  /** What the legacy style cannot say; a registry named here is left out. */
  readonly problems: readonly { readonly namespace: string; readonly reason: string }[];
}

interface LegacyContext {
  /** Where PEM files go: a directory of ours beside config.toml. */
  readonly directory: string;
  readonly version: ContainerdVersion;
  readonly digest: (bytes: Uint8Array) => string;
}

export function renderLegacy(registries: readonly Registry[], context: LegacyContext): LegacyRendering {
  const problems = registries.flatMap((registry) => {
    const reason = inexpressible(registry, context.version);
    return reason === undefined ? [] : [{ namespace: registry.namespace, reason }];
  });
  const bad = new Set(problems.map((problem) => problem.namespace));
  const good = registries.filter((registry) => !bad.has(registry.namespace));
  const mirrors = good.map(({ namespace, mirrors: own }) => ({ namespace, endpoints: own.map(mirrorUrl) }));
  const byHost = new Map(
    good.flatMap((r) => r.mirrors.filter(hasTls).map((mirror) => [mirror.host, mirror])),
  );
  const parts = [...byHost.values()].map((mirror) => tlsOf(mirror, context));
  return {
    mirrors,
    tls: parts.map((part) => part.tls),
    files: parts.flatMap((part) => part.files),
    problems,
  };
}

function inexpressible(registry: Registry, version: ContainerdVersion): string | undefined {
  const advice = 'set style = "certs.d"';
  if (registry.upstream === "never")
    return `the legacy style always falls back to the upstream, so it cannot be closed: ${advice}`;
  if (registry.mirrors.some((mirror) => mirror.capabilities.length < 2))
    return `the legacy style has no capabilities, a digest-only mirror would serve tags too: ${advice}`;
  if (version.major >= 2 && registry.mirrors.some(hasTls))
    return `containerd ${version.text} ignores registry.configs.*.tls, so TLS settings would have no effect: ${advice}`;
  return undefined;
}

function hasTls(mirror: Mirror): boolean {
  const { scheme, ca, client, skipTlsVerify } = mirror;
  return scheme === "https" && (ca !== undefined || client !== undefined || skipTlsVerify);
}

function tlsOf(mirror: Mirror, context: LegacyContext): { tls: WantedTls; files: readonly RenderedFile[] } {
  const ca = mirror.ca === undefined ? undefined : pemFile("ca", mirror.ca, context, false);
  const cert =
    mirror.client === undefined ? undefined : pemFile("client", mirror.client.certificate, context, false);
  const key = mirror.client === undefined ? undefined : pemFile("key", mirror.client.key, context, true);
  return {
    tls: {
      host: mirror.host,
      ...(ca === undefined ? {} : { caFile: ca.path }),
      ...(cert === undefined ? {} : { certFile: cert.path }),
      ...(key === undefined ? {} : { keyFile: key.path }),
      ...(mirror.skipTlsVerify ? { insecureSkipVerify: true } : {}),
    },
    files: [ca, cert, key].filter((file) => file !== undefined),
  };
}

function pemFile(kind: string, pem: string, context: LegacyContext, secret: boolean): RenderedFile {
  const bytes = new TextEncoder().encode(`${OWNERSHIP_MARKER}\n${pem.trimEnd()}\n`);
  const path = `${context.directory}/${kind}-${context.digest(bytes).slice(0, 12)}.pem`;
  return { path, bytes, mode: secret ? 0o600 : 0o644, secret };
}
