/**
 * The `server` that stands for a namespace's real upstream, or undefined where containerd's own default must be
 * left to it: `_default` (the upstream differs per image) and loopback registries (the scheme differs by version).
 */
export function upstreamServer(namespace: string): string | undefined {
  if (namespace === "*" || isLoopback(namespace)) return undefined;
  return `https://${upstreamHost(namespace)}`;
}

/** The host that containerd contacts for a namespace; docker.io is served by registry-1.docker.io. */
export function upstreamHost(namespace: string): string {
  return namespace === "docker.io" ? "registry-1.docker.io" : namespace;
}

function isLoopback(namespace: string): boolean {
  const host = namespace.startsWith("[")
    ? namespace.slice(1, namespace.indexOf("]"))
    : (namespace.split(":")[0] ?? "");
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}
