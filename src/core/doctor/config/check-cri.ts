import type { CriTrouble, RegistryConfig } from "../../containerd/registry-config.ts";
import { atFile, type Finding, type FindingCode } from "../finding.ts";
import { listSome } from "../list-some.ts";
import type { NodeView } from "../node-view.ts";
import { RESTART } from "./config-edit.ts";
import { intendedAt } from "./filled-directories.ts";

type Trouble = Extract<RegistryConfig["criLoads"], { readonly ok: false }>;

const CODES: Partial<Record<CriTrouble, FindingCode>> = {
  "mirrors-and-config-path": "mirrors-beside-config-path",
  "tls-and-config-path": "tls-beside-config-path",
  "progress-timeout": "progress-timeout-invalid",
  disabled: "cri-disabled",
  setting: "cri-refuses-setting",
};

/** What keeps the CRI plugin from loading while containerd itself stays up. */
export function checkCri(view: NodeView): readonly Finding[] {
  const { criLoads } = view.config;
  const code = criLoads.ok ? undefined : CODES[criLoads.kind];
  if (criLoads.ok || code === undefined) return [];
  return [
    {
      code,
      severity: criLoads.kind === "disabled" && !isMeant(view) ? "warning" : "error",
      where: atFile(criLoads.at),
      fact: describe(criLoads, view),
      consequence: consequenceOf(view),
      fix: `${fixOf(criLoads, view)}, then ${RESTART}`,
    },
  ];
}

/** Docker's packages disable CRI, which is right on a machine that runs Docker alone. */
function isMeant(view: NodeView): boolean {
  const { mirrors, configs, configPathWritten } = view.config;
  const isConfigured = mirrors.length > 0 || configs.length > 0 || (configPathWritten?.value ?? "") !== "";
  return isConfigured || intendedAt(view, "in-force", "split", "usual").length > 0;
}

function describe({ kind, reason }: Trouble, { config, version, traits }: NodeView): string {
  const byDefault = config.configPathWritten === undefined || config.configPathWritten.value === "";
  if (kind === "mirrors-and-config-path" && byDefault && traits.dumpShowsDefaultConfigPath)
    return `containerd ${version.text} has a config_path by default (${config.configPath}), beside which registry.mirrors may not stand: ${reason}`;
  return `containerd ${version.text} starts without its CRI plugin: ${reason}`;
}

function consequenceOf({ config }: NodeView): string {
  if (!config.daemon.ok)
    return "required_plugins lists CRI, so containerd does not come up again after its next restart: no image is pulled and no pod starts on this node";
  return 'containerd stays up and systemd calls it active, but kubelet is told "unknown service runtime.v1.RuntimeService": every pull over CRI fails and no pod starts';
}

function fixOf({ kind, at }: Trouble, { config }: NodeView): string {
  const line = `line ${at.line} of ${at.file}`;
  switch (kind) {
    case "mirrors-and-config-path":
      return `move ${listSome(config.mirrors.map(({ namespace }) => namespace))} into hosts.toml files below ${config.configPath} and remove registry.mirrors (${line})`;
    case "tls-and-config-path":
      return `put the TLS settings into the hosts.toml of that host as ca, client or skip_verify, and remove ${line} with its table`;
    case "progress-timeout":
      return `write a duration with its unit in ${line}, such as image_pull_progress_timeout = "5m0s"`;
    case "setting":
      return `correct or remove the setting in ${line}`;
    default:
      return `take it out of disabled_plugins in ${line}`;
  }
}
