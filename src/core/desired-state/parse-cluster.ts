import { WishCollector } from "./collect-wishes.ts";
import type { IssueLog } from "./issue-log.ts";
import type { MapReader } from "./map-reader.ts";
import { readUpstreamCredentials } from "./parse-native.ts";
import type { Fragment } from "./parsed-state.ts";
import { readMirrorEntry, rejectOwnHost } from "./read-mirror-entry.ts";

/**
 * The header of a Google Distributed Cloud cluster file: `registryMirrors` in a document without `kind`, among
 * keys that are not ours. gcr.io is always mirrored; in the air-gapped variant (`privateRegistryConfigPath`)
 * docker.io too. `hosts` adds to them.
 * Source: https://cloud.google.com/kubernetes-engine/distributed-cloud/bare-metal/docs/installing/registry-mirror
 */
export function parseClusterHeader(document: MapReader, log: IssueLog): Fragment {
  document.rejectUnknown(["registryMirrors", "gcrKeyPath", "privateRegistryConfigPath"], true);
  warnPrivateRegistries(document, log);
  const always =
    document.get("privateRegistryConfigPath") === undefined ? ["gcr.io"] : ["gcr.io", "docker.io"];
  const upstreamCredentials = readUpstreamCredentials(document, log);
  if (document.get("registryMirrors") === undefined) return { upstreamCredentials };
  return { ...readClusterMirrors(document, always, false, log), upstreamCredentials };
}

/** `kind: Cluster`: `spec.nodeConfig.registryMirrors`, with CA and credentials in Secrets. gcr.io is always mirrored. */
export function parseCluster(document: MapReader, log: IssueLog): Fragment {
  const nodeConfig = document.child("spec", "spec")?.child("nodeConfig", "spec.nodeConfig");
  if (nodeConfig === undefined) return {};
  nodeConfig.rejectUnknown(["registryMirrors"], true);
  warnPrivateRegistries(nodeConfig, log);
  if (nodeConfig.get("registryMirrors") === undefined) return {};
  return readClusterMirrors(nodeConfig, ["gcr.io"], true, log);
}

/** Settings for registries that are no mirrors have no place in this model; that is said rather than skipped. */
function warnPrivateRegistries(holder: MapReader, log: IssueLog): void {
  if (holder.get("privateRegistries") === undefined) return;
  const message =
    "privateRegistries is not carried out: it is about registries that are pulled from directly, not about mirrors";
  const fix =
    "give their credentials in privateRegistryConfigPath of kind: RegistryMirrors, and their CA to the node's system pool";
  log.warn("ignored-key", holder.keyAt("privateRegistries"), message, fix);
}

function readClusterMirrors(
  holder: MapReader,
  always: readonly string[],
  secrets: boolean,
  log: IssueLog,
): Fragment {
  const collector = new WishCollector();
  const entries = holder.children("registryMirrors", "a registryMirrors entry");
  if (entries?.length === 0 && holder.list("registryMirrors")?.items.length === 0) {
    const fix = "add an entry; to remove every mirror use kind: RegistryMirrors with allowMassRemoval: true";
    log.error(
      "empty-registries",
      holder.keyAt("registryMirrors"),
      "registryMirrors is empty, which would send every pull to the upstreams",
      fix,
    );
  }
  for (const entry of entries ?? []) {
    const { mirror, hosts } = readMirrorEntry(entry, secrets, log);
    for (const text of always) {
      const namespace = { text, at: mirror?.at ?? entry.map.at };
      if (mirror === undefined || !rejectOwnHost(namespace, mirror.endpoint, log))
        collector.add(namespace, mirror);
    }
    for (const host of hosts) if (!always.includes(host.text)) collector.add(host, mirror);
  }
  return { wishes: collector.wishes, namespaces: collector.namespaces };
}
