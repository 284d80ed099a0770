import type { IgnoredKey } from "../core/containerd/hosts-toml/find-ignored.ts";
import type { RegistryConfig } from "../core/containerd/registry-config.ts";
import type { Resolution } from "../core/containerd/resolve-image.ts";
import type { ContainerdVersion } from "../core/containerd/version.ts";
import { encodeTomlPath } from "../core/toml/encode-toml.ts";

export interface Explanation {
  readonly resolution: Resolution;
  readonly config: RegistryConfig;
  readonly version: ContainerdVersion;
  /** The config.toml that was read. */
  readonly configFile: string;
}

/** What an operator would not expect, a sentence each: where, what it means for pulls, what to do. */
export function listExplainNotes(explanation: Explanation): readonly string[] {
  const { resolution } = explanation;
  const { file = "", outcome, unordered } = resolution;
  return [
    ...configNotes(explanation),
    ...(outcome.kind === "pull-fails"
      ? [`every pull of ${resolution.namespace} fails: ${outcome.reason}`]
      : []),
    ...dropNotes(explanation),
    ...(unordered.length > 0
      ? [
          `${file}: the order of ${unordered.join(", ")} changes from pull to pull; give each its own [host."…"] header`,
        ]
      : []),
    ...repeatNotes(resolution),
    ...resolution.hosts
      .filter(({ entry }) => entry.httpsFirst)
      .map(
        ({ entry }) =>
          `${entry.scheme}://${entry.host} is tried with TLS first; write https:// or remove its TLS keys`,
      ),
    ...resolution.ignored.map((ignored) => describeIgnored(ignored, file)),
  ];
}

function configNotes({ config, version, configFile }: Explanation): readonly string[] {
  if (!config.daemon.ok) return [`containerd ${version.text} does not start: ${config.daemon.reason}`];
  if (config.configPath === "")
    return [`config_path is empty in ${configFile}: no hosts.toml is read; set it to one directory`];
  if (config.pullMode === "transfer" && config.configPath.includes(":"))
    return [
      `config_path ${config.configPath} is a list, which the transfer service takes for one directory name: ` +
        "no hosts.toml is read; set it to one directory",
    ];
  return [];
}

function dropNotes({ resolution, version }: Explanation): readonly string[] {
  const { dropped, file } = resolution;
  if (dropped === undefined) return [];
  const place = dropped.line === undefined ? "" : `:${dropped.line}:${dropped.column ?? 1}`;
  return [
    `${file}${place}: ${dropped.reason}: containerd ${version.text} drops the whole file and asks the default upstream`,
  ];
}

function repeatNotes({ hosts, file }: Resolution): readonly string[] {
  const names = hosts.filter(({ entry }) => !entry.isRoot).map(({ entry }) => entry.written);
  const repeated = [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
  return repeated.map(
    (name) =>
      `${file}: ${name} is tried more than once, because its tables do not stand together; move them together`,
  );
}

function describeIgnored({ path, line, column, reason }: IgnoredKey, file: string): string {
  const why = {
    "unknown-key": "is not a key containerd knows, and has no effect",
    "unknown-in-this-version": "is not known to this containerd, and has no effect",
    "server-in-host-table": "stands in a host table and has no effect; move it above the first table",
    "host-not-a-header": 'is not seen by containerd 2; write it as a [host."…"] header',
  }[reason];
  return `${file}:${line}:${column}: ${encodeTomlPath(path)} ${why}`;
}
