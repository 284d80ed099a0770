import type { DesiredState, Mirror, Registry } from "../../src/core/desired-state/desired-state.ts";

/** Short ways to say a desired state in tests. */
export function mirror(url: string, rest: Partial<Mirror> = {}): Mirror {
  const match = /^(https?):\/\/([^/]+)(\/.*)?$/.exec(url);
  if (match === null) throw new Error(`not a mirror: ${url}`);
  const [, scheme, host = "", path = ""] = match;
  return {
    scheme: scheme === "http" ? "http" : "https",
    host,
    path,
    capabilities: ["pull", "resolve"],
    skipTlsVerify: false,
    ...rest,
  };
}

export function registry(
  namespace: string,
  urls: readonly (string | Mirror)[],
  upstream: Registry["upstream"] = "allow",
): Registry {
  return { namespace, upstream, mirrors: urls.map((url) => (typeof url === "string" ? mirror(url) : url)) };
}

export function desired(...registries: readonly Registry[]): DesiredState {
  return { generation: 1, registries, upstreamCredentials: [], canaries: [], allowMassRemoval: false };
}
