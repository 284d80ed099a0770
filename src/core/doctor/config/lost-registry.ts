import { type ConfigNode, getNode } from "../../containerd/config/config-tree.ts";
import { configPathsIn } from "../../containerd/config/find-misplaced.ts";
import { cleanPath } from "../../containerd/go-path.ts";
import { describeFates } from "../describe-fates.ts";
import { fateOf, hasMirror } from "../fate.ts";
import type { Severity } from "../finding.ts";
import { listSome } from "../list-some.ts";
import type { NodeView } from "../node-view.ts";
import { intendedIn } from "./filled-directories.ts";

/** What a table, or a `config_path` alone, says that is not in force. */
interface Lost {
  readonly configPath: string | undefined;
  readonly mirrors: readonly string[];
  /** Hosts whose credentials or TLS settings are lost. */
  readonly hosts: readonly string[];
}

export interface Loss {
  readonly severity: Severity;
  /** `config_path = "/etc/containerd/certs.d"`, `mirrors of gcr.io`. */
  readonly what: string;
  readonly consequence: string;
}

/** Undefined: all that it says is in force anyway, or something else does its work. */
export function judgeLoss(node: ConfigNode, view: NodeView): Loss | undefined {
  const lost = findLost(node, view);
  const what = describeLost(lost);
  if (what === "") return undefined;
  const unserved = namespacesOf(lost, view).filter((namespace) => !hasMirror(fateOf(namespace, view)));
  if (unserved.length > 0) return { severity: "error", what, consequence: describeFates(unserved, view) };
  if (lost.hosts.length > 0) {
    const consequence = `pulls from ${listSome(lost.hosts)} go without the settings that are written here for it`;
    return { severity: "warning", what, consequence };
  }
  const isSet = (view.config.configPathWritten?.value ?? "") !== "";
  if (lost.configPath === undefined || isSet) return undefined;
  const consequence = `hosts.toml files below ${lost.configPath} will not be read`;
  return { severity: "warning", what, consequence };
}

function findLost(node: ConfigNode, { config }: NodeView): Lost {
  const [written = ""] = configPathsIn(node);
  const mirrors = keysOf(node, "mirrors").filter(
    (name) => !config.mirrors.some(({ namespace }) => namespace === name),
  );
  const hosts = keysOf(node, "configs").filter((name) => !config.configs.some(({ host }) => host === name));
  const isRead = written.split(":").every((part) => config.roots.map(cleanPath).includes(cleanPath(part)));
  const configPath = written === "" || isRead ? undefined : written;
  return { configPath, mirrors, hosts };
}

function keysOf(node: ConfigNode, key: string): readonly string[] {
  const table = getNode(node, [key], true);
  if (table?.kind !== "table") return [];
  return [...table.entries].filter(([, entry]) => entry.kind === "table").map(([name]) => name);
}

function namespacesOf({ configPath, mirrors }: Lost, { roots }: NodeView): readonly string[] {
  const named = (configPath ?? "").split(":");
  const intended = roots.filter(({ tree }) => named.includes(tree.root)).flatMap(intendedIn);
  return [...new Set([...mirrors, ...intended.map(({ namespace }) => namespace)])];
}

function describeLost({ configPath, mirrors, hosts }: Lost): string {
  return [
    ...(configPath === undefined ? [] : [`config_path = ${JSON.stringify(configPath)}`]),
    ...(mirrors.length === 0 ? [] : [`mirrors of ${listSome(mirrors)}`]),
    ...(hosts.length === 0 ? [] : [`settings for ${listSome(hosts)}`]),
  ].join(", ");
}
