import type { Place } from "../../issue.ts";
import type { LegacyMirror, LegacyTls, RegistryHostConfig } from "../registry-config.ts";

/**
 * What `registry.mirrors` and `registry.configs.*.tls` meant for one host namespace, to be said again in certs.d.
 * Every endpoint has the capabilities pull and resolve. Plain JSON data: it is kept across passes.
 */
export interface LegacyRegistry {
  /** A host as in image references; `*`: every host without an entry of its own (`_default`). */
  readonly namespace: string;
  /** In order of trial. Empty: only TLS settings for the upstream are carried over. */
  readonly endpoints: readonly LegacyEndpoint[];
  /** containerd appended the default upstream as the last host (it does unless an endpoint has that very host). */
  readonly appendsUpstream: boolean;
  /** TLS settings of the appended upstream. */
  readonly upstreamTls?: LegacyTls;
  /** Where it stood in config.toml. */
  readonly at: Place;
}

export interface LegacyEndpoint {
  readonly scheme: string;
  /** `host` or `host:port`. */
  readonly host: string;
  /** Prefix of every request: the written path, `/v2` only where none was written. Means `override_path = true`. */
  readonly path: string;
  readonly tls?: LegacyTls;
}

/** Rewrites the legacy settings of one configuration as registries of their own. */
export function toLegacyRegistries(
  mirrors: readonly LegacyMirror[],
  configs: readonly RegistryHostConfig[],
): readonly LegacyRegistry[] {
  const tlsOf = new Map(
    configs.flatMap(({ host, tls }) => (tls === undefined ? [] : [[host, tls] as const])),
  );
  const mirrored = mirrors.map((mirror) => toLegacyRegistry(mirror, tlsOf));
  const wildcard = mirrored.find(({ namespace }) => namespace === "*");
  const named = new Set(mirrored.map(({ namespace }) => namespace));
  // TLS settings of a host that no mirror names belong to an upstream: its namespace gets an entry of its own.
  const endpointHosts = new Set(mirrored.flatMap(({ endpoints }) => endpoints.map(({ host }) => host)));
  const upstreams = configs.flatMap(({ host, tls, at }): LegacyRegistry[] => {
    const namespace = namespaceOf(host);
    if (tls === undefined || named.has(namespace) || endpointHosts.has(host)) return [];
    return [{ namespace, endpoints: wildcard?.endpoints ?? [], appendsUpstream: true, upstreamTls: tls, at }];
  });
  return [...mirrored, ...upstreams];
}

function toLegacyRegistry(mirror: LegacyMirror, tlsOf: ReadonlyMap<string, LegacyTls>): LegacyRegistry {
  const endpoints = mirror.endpoints.map((endpoint) => toEndpoint(endpoint, tlsOf));
  const appendsUpstream = !endpoints.some(({ host }) => host === mirror.namespace);
  const upstreamTls = appendsUpstream ? tlsOf.get(upstreamHostOf(mirror.namespace)) : undefined;
  const { namespace, at } = mirror;
  return { namespace, endpoints, appendsUpstream, ...(upstreamTls && { upstreamTls }), at };
}

/** containerd gives an endpoint without a scheme http where the host is this machine, else https. */
function toEndpoint(written: string, tlsOf: ReadonlyMap<string, LegacyTls>): LegacyEndpoint {
  const [, scheme, rest = written] = /^([^:/?#]+):\/\/(.*)$/s.exec(written) ?? [];
  const authority = rest.split(/[/?#]/, 1)[0] ?? "";
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  const path = rest.slice(authority.length).replace(/[?#].*$/s, "");
  const tls = tlsOf.get(host);
  return {
    scheme: (scheme ?? (isLocalhost(host) ? "http" : "https")).toLowerCase(),
    host,
    path: path === "" ? "/v2" : path,
    ...(tls && { tls }),
  };
}

function isLocalhost(host: string): boolean {
  const name = host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  return name === "localhost" || name === "::1" || /^127(?:\.\d+){3}$/.test(name);
}

function upstreamHostOf(namespace: string): string {
  return namespace === "docker.io" ? "registry-1.docker.io" : namespace;
}

function namespaceOf(upstreamHost: string): string {
  return upstreamHost === "registry-1.docker.io" ? "docker.io" : upstreamHost;
}
