import { hasErrors, type Issue } from "../issue.ts";
import { type AgentConfig, toAgentConfig } from "./agent-config.ts";
import {
  createMerge,
  type EffectiveSetting as EffectiveSettingOf,
  type Merge,
  placeOf,
} from "./merge-settings.ts";
import { environmentName, type SettingKey, type SettingValues, settingKeys, settings } from "./settings.ts";
import type { SettingsFamily } from "./settings-family.ts";

export interface AgentConfigSources {
  /** agent.toml; undefined when there is none. */
  readonly file?: { readonly name: string; readonly text: string } | undefined;
  /** The process environment; only `MIRRORLET_*` is looked at. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `key=value`, as given to `--set`; the last one of a key wins. */
  readonly flags: readonly string[];
}

export type EffectiveSetting = EffectiveSettingOf<SettingKey>;

export type AgentConfigResult =
  | {
      readonly ok: true;
      readonly config: AgentConfig;
      readonly settings: readonly EffectiveSetting[];
      readonly warnings: readonly Issue[];
    }
  | { readonly ok: false; readonly issues: readonly Issue[] };

/** Environment variables with our prefix that are not settings of the agent. */
const otherVariables = ["MIRRORLET_CONFIG", "MIRRORLET_FEED_CONFIG", "MIRRORLET_ENGINE", "MIRRORLET_FLEET"];

const AGENT_SETTINGS: SettingsFamily<SettingKey> = {
  settings,
  owner: "the agent",
  file: "agent.toml",
  hint: "remove it; `mirrorlet agent --print-config` shows every key",
};

/** Merges flags, environment, file and defaults into the effective configuration, or says all that is wrong. */
export function parseAgentConfig(sources: AgentConfigSources): AgentConfigResult {
  const merge = createMerge(AGENT_SETTINGS);
  if (sources.file !== undefined) merge.file(sources.file);
  merge.environment(
    sources.env,
    new Map(settingKeys.map((key) => [environmentName(key), key])),
    otherVariables,
  );
  for (const flag of sources.flags) merge.flag(flag);
  const values = merge.values() as SettingValues;
  const issues = [...merge.issues, ...(hasErrors(merge.issues) ? [] : checkTogether(values, merge))];
  if (hasErrors(issues)) return { ok: false, issues };
  return { ok: true, config: toAgentConfig(values), settings: merge.effective(), warnings: issues };
}

function checkTogether(values: SettingValues, merge: Merge<SettingKey>): readonly Issue[] {
  const issues: Issue[] = [];
  const report = (key: SettingKey, message: string, fix: string) => {
    issues.push({ code: "config-conflict", severity: "error", at: placeOf(merge.origin(key)), message, fix });
  };
  if (values["feed.address"] !== "") checkFeed(values, report);
  checkTrust(values, report);
  if (isSameAddress(values["http.metrics_address"], values["http.address"])) {
    report("http.metrics_address", "http.address and http.metrics_address are the same", "remove this one");
  }
  const others = [values["http.address"], values["http.metrics_address"]];
  if (values["evidence.witness"] && others.includes(values["evidence.witness_address"])) {
    const message = "http and the witness are to listen on the same address: one of them could not";
    report("evidence.witness_address", message, "give the witness an address of its own");
  }
  return issues;
}

type ReportConflict = (key: SettingKey, message: string, fix: string) => void;

function checkFeed(values: SettingValues, report: ReportConflict): void {
  const isUnsigned = values["trust.keys"].length === 0;
  if (isUnsigned && !values["feed.unsigned"]) {
    const message = "a feed needs trust.keys: who can write to it would choose where images come from";
    report("feed.address", message, "add the public keys, or say unsigned = true in [feed]");
  }
  if (!isUnsigned && values["feed.unsigned"]) {
    const message = "documents of the feed are to be signed (trust.keys), and need not be (feed.unsigned)";
    report("feed.unsigned", message, "remove this one");
  }
  if (isUnsigned && values["node.fleet"] === "") {
    const message = "a feed serves a fleet, and node.fleet says of none that this node is in it";
    report("feed.address", message, 'set fleet = "…" in [node]');
  }
  const hasCertificate = values["feed.cert"] !== "";
  if (hasCertificate !== (values["feed.key"] !== "")) {
    const [lacking, other] = hasCertificate ? (["key", "cert"] as const) : (["cert", "key"] as const);
    report(`feed.${other}`, `feed.${other} is set, and feed.${lacking} is not`, "name both");
  } else if (!hasCertificate && !values["feed.address"].startsWith("unix:")) {
    const message = "the feed has to know which node it speaks to: by the certificate that this node shows";
    report("feed.address", message, "name feed.cert and feed.key, and the feed's feed.ca");
  }
}

function checkTrust(values: SettingValues, report: ReportConflict): void {
  const keys = new Set(values["trust.keys"]);
  const { "trust.threshold": threshold, "node.fleet": fleet } = values;
  // A file may hold several, which is seen when it is read.
  const isKnown = [...keys].every((key) => !key.startsWith("/"));
  if (isKnown && threshold > Math.max(1, keys.size)) {
    const message = `${threshold} signatures are asked for, but there are ${keys.size} keys: nothing would ever be accepted`;
    report("trust.threshold", message, "lower trust.threshold or add keys");
  }
  if (keys.size > 0 && fleet === "") {
    const message =
      "signed desired state is for a fleet, and node.fleet says of none that this node is in it";
    report("trust.keys", message, 'set fleet = "…" in [node]');
  }
}

function isSameAddress(left: string, right: string): boolean {
  return left === right && !left.endsWith(":0");
}
