import { allCapabilities, triesHttpsFirst } from "./hosts-toml/build-host-entry.ts";
import type { HostEntry } from "./hosts-toml/host-entry.ts";
import { isLoopbackHost, splitHostPort } from "./loopback.ts";
import type { ContainerdTraits } from "./version.ts";

/** The root entry of a file that names no `server`, or of no file at all. */
export const EMPTY_ROOT: HostEntry = {
  written: "",
  scheme: "",
  host: "",
  path: "",
  capabilities: [],
  httpsFirst: false,
  isRoot: true,
};

/**
 * The namespace's own registry, put where a root entry has no host. TLS files and headers of the root entry stay,
 * its capabilities do not: the default upstream always has all of them.
 */
export function fillDefaultUpstream(root: HostEntry, namespace: string, traits: ContainerdTraits): HostEntry {
  const isLoopback = isLoopbackHost(namespace) && traits.loopbackUpstream !== "https";
  const filled = {
    ...root,
    scheme: "https",
    host: defaultHost(namespace),
    path: "/v2",
    capabilities: allCapabilities(traits),
    ...(isLoopback ? loopbackScheme(namespace, traits) : {}),
  };
  return { ...filled, httpsFirst: triesHttpsFirst(filled, traits) };
}

/** The host contacted for a namespace without configuration. */
export function defaultHost(namespace: string): string {
  return namespace === "docker.io" ? "registry-1.docker.io" : namespace;
}

function loopbackScheme(
  namespace: string,
  { loopbackUpstream }: ContainerdTraits,
): { scheme: string; skipVerify?: boolean } {
  if (loopbackUpstream === "http") return { scheme: "http", skipVerify: true };
  const { port } = splitHostPort(namespace);
  if (port === "80") return { scheme: "http" };
  return { scheme: port === "" || port === "443" ? "https" : "http", skipVerify: true };
}
