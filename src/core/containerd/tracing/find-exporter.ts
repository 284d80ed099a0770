import type { Place } from "../../issue.ts";
import { type ConfigSource, foldsCase, parseConfigFile } from "../config/config-file.ts";
import { type ConfigNode, getNode } from "../config/config-tree.ts";
import { tracingPlugins } from "../config/tracing-plugins.ts";
import { type ContainerdVersion, traitsOf } from "../version.ts";
import { ENDPOINT_VARIABLE } from "./traces-file.ts";

/**
 * The variable with which somebody else has decided about the traces of a running containerd; undefined: none. `ours`
 * are the receivers that we name or have named.
 */
export function findForeignVariable(
  environment: Readonly<Record<string, string>>,
  ours: ReadonlySet<string>,
): string | undefined {
  const value = (name: string): string => environment[name] ?? "";
  // Go's strconv.ParseBool; with anything else the exporter does not load.
  if (!/^(?:|0|f|F|false|FALSE|False)$/.test(value("OTEL_SDK_DISABLED"))) return "OTEL_SDK_DISABLED";
  if (!["", "otlp"].includes(value("OTEL_TRACES_EXPORTER"))) return "OTEL_TRACES_EXPORTER";
  if (value("OTEL_EXPORTER_OTLP_ENDPOINT") !== "") return "OTEL_EXPORTER_OTLP_ENDPOINT";
  const endpoint = value(ENDPOINT_VARIABLE);
  return endpoint === "" || ours.has(endpoint) ? undefined : ENDPOINT_VARIABLE;
}

/** Where config.toml or an import names a receiver that is none of ours; undefined: nowhere. */
export function findForeignExporter(
  sources: readonly ConfigSource[],
  version: ContainerdVersion,
  ours: ReadonlySet<string>,
): Place | undefined {
  const traits = traitsOf(version);
  for (const source of sources) {
    // Most files have nothing to do with it, and parsing is most of the work.
    if (!source.text.includes("otlp")) continue;
    const file = parseConfigFile(source, traits);
    if ("reason" in file) continue;
    const plugins = getNode(file.root, ["plugins"], foldsCase(traits));
    // A file of version 1 calls plugins by their short names.
    const endpoint = endpointIn(plugins, tracingPlugins.exporter) ?? endpointIn(plugins, "otlp");
    if (endpoint !== undefined && !ours.has(String(endpoint.value))) return endpoint.at;
  }
  return undefined;
}

function endpointIn(plugins: ConfigNode | undefined, plugin: string) {
  const node = getNode(plugins, [plugin, "endpoint"], true);
  return node?.kind === "value" && node.value !== "" ? node : undefined;
}
