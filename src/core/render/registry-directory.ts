/**
 * The name of the certs.d directory that containerd looks up first for a host namespace: `host_port_` when
 * there is a port (the last colon splits), `_default` for `*`.
 * Source: containerd `core/remotes/docker/config/config_unix.go`, `hostPaths`.
 */
export function registryDirectory(namespace: string): string {
  if (namespace === "*") return "_default";
  const colon = namespace.lastIndexOf(":");
  if (colon < 0 || namespace.endsWith("]")) return namespace;
  return `${namespace.slice(0, colon)}_${namespace.slice(colon + 1)}_`;
}

/** The host namespace a directory name stands for: the other way round. */
export function namespaceOfDirectory(name: string): string {
  if (name === "_default") return "*";
  const match = /^(.+)_(\d+)_$/.exec(name);
  return match === null ? name : `${match[1]}:${match[2]}`;
}
