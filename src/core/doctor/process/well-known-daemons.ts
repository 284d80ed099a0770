/** Where a containerd keeps what concerns registries. */
export interface DaemonPlace {
  /** What it is part of; undefined: a containerd of its own. */
  readonly product?: string;
  readonly socket: string;
  readonly configFile: string;
  readonly certsD: string;
  /** Restarts it, where it has no unit of its own. */
  readonly restart?: string;
}

/** As these products start their own containerd; K3s and RKE2 share a socket. */
export const WELL_KNOWN_DAEMONS: readonly DaemonPlace[] = [
  {
    product: "K3s",
    socket: "/run/k3s/containerd/containerd.sock",
    configFile: "/var/lib/rancher/k3s/agent/etc/containerd/config.toml",
    certsD: "/var/lib/rancher/k3s/agent/etc/containerd/certs.d",
  },
  {
    product: "RKE2",
    socket: "/run/k3s/containerd/containerd.sock",
    configFile: "/var/lib/rancher/rke2/agent/etc/containerd/config.toml",
    certsD: "/var/lib/rancher/rke2/agent/etc/containerd/certs.d",
  },
  {
    product: "k0s",
    socket: "/run/k0s/containerd.sock",
    configFile: "/etc/k0s/containerd.toml",
    certsD: "/etc/k0s/containerd.d/certs.d",
  },
  {
    product: "MicroK8s",
    socket: "/var/snap/microk8s/common/run/containerd.sock",
    configFile: "/var/snap/microk8s/current/args/containerd.toml",
    certsD: "/var/snap/microk8s/current/args/certs.d",
  },
];

/** The file of `--config`, as `containerd` takes its flags; undefined: there is none. Relative to where it was started. */
export function configArgument(commandLine: readonly string[]): string | undefined {
  for (const [index, word] of commandLine.entries()) {
    const match = /^--?(?:config|c)(?:=(.*))?$/s.exec(word);
    if (match !== null) return match[1] ?? commandLine[index + 1];
  }
  return undefined;
}
