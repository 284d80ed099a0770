import { getTable } from "../../containerd/config/config-file.ts";
import { isLoopbackHost, splitHostPort } from "../../containerd/loopback.ts";
import { fateOf } from "../fate.ts";
import { atFile, type Finding } from "../finding.ts";
import { listSome } from "../list-some.ts";
import type { NodeView } from "../node-view.ts";
import { RESTART } from "./config-edit.ts";
import { namespacesInForce } from "./filled-directories.ts";

/** What becomes of layers on the node, where that keeps mirrors from their work. */
export function checkStorage(view: NodeView): readonly Finding[] {
  return [...checkDiscarded(view), ...checkSnapshotter(view)];
}

/** Where Spegel listens on every node, and k3s with its embedded registry; both serve what containerd keeps. */
function isPeer(host: string): boolean {
  const { port } = splitHostPort(host);
  return port === "30020" || port === "30021" || (port === "6443" && isLoopbackHost(host));
}

function checkDiscarded(view: NodeView): readonly Finding[] {
  const { config } = view;
  const { value, at } = config.settings.discardUnpackedLayers;
  const peers = mirrorsOf(view).filter(isPeer);
  if (!value || at === undefined || peers.length === 0) return [];
  const isAlone = config.localPullReasons.length === 1;
  const first =
    isAlone && config.configPath.includes(":")
      ? "first set config_path to one single directory, for without this setting the list is no longer split; then "
      : "";
  return [
    {
      code: "unpacked-layers-discarded",
      severity: "warning",
      where: atFile(at),
      fact: `discard_unpacked_layers = true, while ${listSome(peers)} serves other nodes what containerd keeps`,
      consequence:
        "this node has manifests and no layers for the others: they are sent on to the upstream for every layer",
      fix: `${first}set discard_unpacked_layers = false in line ${at.line} of ${at.file} and ${RESTART}`,
    },
  ];
}

const REMOTE = ["stargz", "soci", "nydus", "overlaybd"];

/** Lazy snapshotters ask registries themselves, by a configuration of their own. */
function checkSnapshotter(view: NodeView): readonly Finding[] {
  const { value, at } = view.config.settings.snapshotter;
  const mirrors = mirrorsOf(view);
  if (!REMOTE.includes(value) || at === undefined || mirrors.length === 0) return [];
  const own = ["plugins", `io.containerd.snapshotter.v1.${value}`, "registry"];
  if (view.merged.files.some((file) => getTable(file, own, view.traits) !== undefined)) return [];
  return [
    {
      code: "snapshotter-pulls",
      severity: "warning",
      where: atFile(at),
      fact: `the snapshotter is ${value}, which knows nothing of hosts.toml`,
      consequence: `manifests come from ${listSome(mirrors)}; layers that ${value} fetches lazily come from wherever its own configuration says, else straight from the registry`,
      fix: `name the mirrors in the configuration of the ${value} snapshotter too (stargz: /etc/containerd-stargz-grpc/config.toml), and restart it`,
    },
  ];
}

/** Hosts of all mirrors in force. */
function mirrorsOf(view: NodeView): readonly string[] {
  const hosts = namespacesInForce(view).flatMap((namespace) => fateOf(namespace, view).byTag?.hosts ?? []);
  return [...new Set(hosts.filter(({ role }) => role === "mirror").map(({ entry }) => entry.host))];
}
