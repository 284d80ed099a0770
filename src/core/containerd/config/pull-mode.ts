import type { Place } from "../../issue.ts";
import { type ConfigTable, getNode } from "./config-tree.ts";
import type { RegistryTables } from "./read-registry-tables.ts";

/** A setting that makes containerd 2.1+ pull in its own process instead of through the transfer service. */
export interface LocalPullReason {
  /** As containerd's log names it: `DiscardUnpackedLayers`, `Registry.Configs`, … */
  readonly setting: string;
  readonly at?: Place;
}

/** Empty: pulls go through the transfer service. */
export function listLocalPullReasons(
  cri: ConfigTable | undefined,
  tables: RegistryTables,
): readonly LocalPullReason[] {
  const reasons: LocalPullReason[] = [];
  const ifValue = (setting: string, key: string, forcesLocal: (value: unknown) => boolean): void => {
    const node = getNode(cri, [key], true);
    if (node?.kind === "value" && forcesLocal(node.value)) reasons.push({ setting, at: node.at });
  };
  const ifAny = (setting: string, list: readonly { readonly at: Place }[]): void => {
    const [first] = list;
    if (first !== undefined) reasons.push({ setting, at: first.at });
  };
  ifValue("UseLocalImagePull", "use_local_image_pull", (value) => value === true);
  ifValue("DisableSnapshotAnnotations", "disable_snapshot_annotations", (value) => value === false);
  ifValue("DiscardUnpackedLayers", "discard_unpacked_layers", (value) => value === true);
  ifAny("Registry.Mirrors", tables.mirrors);
  ifAny("Registry.Configs", tables.configs);
  ifAny("Registry.Auths", tables.auths);
  ifValue("MaxConcurrentDownloads", "max_concurrent_downloads", (value) => value !== 3);
  ifValue("ImagePullWithSyncFs", "image_pull_with_sync_fs", (value) => value === true);
  return reasons;
}
