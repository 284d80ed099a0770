import type { Generation } from "./containerd.ts";
import { thisPlatform } from "./image.ts";

/** Where a lab containerd keeps its things; all below one temp directory. */
export interface ContainerdPaths {
  readonly dir: string;
  readonly etc: string;
  readonly configPath: string;
  /** `KEY=value` lines for the daemon's environment; at first there is none. */
  readonly environmentFile: string;
  readonly certsD: string;
  readonly root: string;
  readonly state: string;
  readonly socket: string;
  readonly logPath: string;
}

/** A config.toml that reads certs.d and unpacks with the native snapshotter, which works on every file system. */
export function defaultConfig(generation: Generation, paths: ContainerdPaths): string {
  return (generation === "2.1" ? version3(paths) : version2(paths)) + transfer();
}

/** The transfer service of 1.7 and later does not load when the snapshotter it unpacks with is missing. */
function transfer(): string {
  return `[[plugins."io.containerd.transfer.v1.local".unpack_config]]
  platform = "${thisPlatform}"
  snapshotter = "native"
`;
}

function version2(paths: ContainerdPaths): string {
  return `version = 2
${common(paths)}
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "native"
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "${paths.dir}/cni"
  conf_dir = "${paths.dir}/cni"
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "${paths.certsD}"
`;
}

function version3(paths: ContainerdPaths): string {
  return `version = 3
${common(paths)}
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "native"
[plugins."io.containerd.cri.v1.images".registry]
  config_path = "${paths.certsD}"
[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["${paths.dir}/cni"]
  conf_dir = "${paths.dir}/cni"
`;
}

function common(paths: ContainerdPaths): string {
  const unused = ["aufs", "blockfile", "btrfs", "devmapper", "erofs", "overlayfs", "zfs"];
  const disabled = unused.map((name) => `"io.containerd.snapshotter.v1.${name}"`).join(", ");
  return `root = "${paths.root}"
state = "${paths.state}"
disabled_plugins = [${disabled}]
[grpc]
  address = "${paths.socket}"
`;
}
