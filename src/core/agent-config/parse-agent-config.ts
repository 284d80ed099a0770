import { hasErrors, type Issue, type Place } from "../issue.ts";
import type { TomlValue } from "../toml/parse-toml.ts";
import { type AgentConfig, toAgentConfig } from "./agent-config.ts";
import { closestName } from "./closest-name.ts";
import { readSettingsFile } from "./read-settings-file.ts";
import {
  environmentName,
  isSettingKey,
  type Setting,
  type SettingKey,
  type SettingValues,
  settingKeys,
  settings,
} from "./settings.ts";

export interface AgentConfigSources {
  /** agent.toml; undefined when there is none. */
  readonly file?: { readonly name: string; readonly text: string } | undefined;
  /** The process environment; only `MIRRORLET_*` is looked at. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `key=value`, as given to `--set`; the last one of a key wins. */
  readonly flags: readonly string[];
}

/** Where a value came from. Later ones win: default, file, environment, flag. */
export type Origin =
  | { readonly from: "default" }
  | { readonly from: "file"; readonly at: Place }
  | { readonly from: "environment"; readonly name: string }
  | { readonly from: "flag"; readonly name: string };

export interface EffectiveSetting {
  readonly key: SettingKey;
  /** As it would stand in agent.toml. */
  readonly toml: string;
  readonly origin: Origin;
}

export type AgentConfigResult =
  | {
      readonly ok: true;
      readonly config: AgentConfig;
      readonly settings: readonly EffectiveSetting[];
      readonly warnings: readonly Issue[];
    }
  | { readonly ok: false; readonly issues: readonly Issue[] };

/** Environment variables with our prefix that are not settings. */
const otherVariables = ["MIRRORLET_CONFIG"];

/** Merges flags, environment, file and defaults into the effective configuration, or says all that is wrong. */
export function parseAgentConfig(sources: AgentConfigSources): AgentConfigResult {
  const merge = new Merge();
  if (sources.file !== undefined) mergeFile(merge, sources.file);
  mergeEnvironment(merge, sources.env);
  for (const flag of sources.flags) mergeFlag(merge, flag);
  const values = merge.values();
  const issues = [...merge.issues, ...(hasErrors(merge.issues) ? [] : checkTogether(values, merge))];
  if (hasErrors(issues)) return { ok: false, issues };
  return { ok: true, config: toAgentConfig(values), settings: merge.effective(), warnings: issues };
}

class Merge {
  readonly issues: Issue[] = [];
  readonly #given = new Map<SettingKey, { readonly value: unknown; readonly origin: Origin }>();

  set(key: SettingKey, value: unknown, origin: Origin, shown: string): void {
    if (value !== undefined) this.#given.set(key, { value, origin });
    else this.reject(placeOf(origin), key, shown);
  }

  reject(at: Place, key: SettingKey, shown: string): void {
    const { kind, sensitive } = settings[key];
    const got = sensitive ? "" : `, not ${shown.length > 80 ? `${shown.slice(0, 80)}…` : shown}`;
    this.issues.push({
      code: "config-value",
      severity: "error",
      at,
      message: `"${key}" must be ${kind.expected}${got}`,
      fix: "correct the value",
    });
  }

  origin(key: SettingKey): Origin {
    return this.#given.get(key)?.origin ?? { from: "default" };
  }

  values(): SettingValues {
    const entries = settingKeys.map((key) => [key, this.#valueOf(key)]);
    return Object.fromEntries(entries) as SettingValues;
  }

  effective(): readonly EffectiveSetting[] {
    return settingKeys.map((key) => {
      const setting: Setting<unknown> = settings[key] as Setting<unknown>;
      return { key, toml: setting.kind.toToml(this.#valueOf(key)), origin: this.origin(key) };
    });
  }

  #valueOf(key: SettingKey): unknown {
    const given = this.#given.get(key);
    return given === undefined ? settings[key].fallback : given.value;
  }
}

function mergeFile(merge: Merge, file: { readonly name: string; readonly text: string }): void {
  const read = readSettingsFile(file.name, file.text);
  merge.issues.push(...read.issues);
  for (const { key, value, at } of read.settings) {
    merge.set(key, settings[key].kind.fromToml(value), { from: "file", at }, describe(value));
  }
}

function mergeEnvironment(merge: Merge, env: AgentConfigSources["env"]): void {
  const byName = new Map(settingKeys.map((key) => [environmentName(key), key]));
  const names = Object.keys(env).filter((name) => name.startsWith("MIRRORLET_") && env[name] !== undefined);
  for (const name of names.sort()) {
    const key = byName.get(name);
    const text = env[name] ?? "";
    if (key !== undefined) {
      merge.set(key, settings[key].kind.fromText(text), { from: "environment", name }, describe(text));
    } else if (!otherVariables.includes(name)) merge.issues.push(unknownVariable(name, [...byName.keys()]));
  }
}

// Other programs may use our prefix too, so this warns only.
function unknownVariable(name: string, known: readonly string[]): Issue {
  const meant = closestName(name, known);
  return {
    code: "config-unknown-variable",
    severity: "warning",
    at: { file: name, line: 1, column: 1 },
    message: `the environment variable ${name} sets nothing`,
    fix: meant === undefined ? "unset it" : `did you mean ${meant}?`,
  };
}

function mergeFlag(merge: Merge, flag: string): void {
  const split = flag.indexOf("=");
  const key = split === -1 ? flag : flag.slice(0, split);
  const origin: Origin = { from: "flag", name: `--set ${key}` };
  if (isSettingKey(key) && split !== -1) {
    const text = flag.slice(split + 1);
    merge.set(key, settings[key].kind.fromText(text), origin, describe(text));
    return;
  }
  const meant = isSettingKey(key) ? `${key}=VALUE` : closestName(key, settingKeys);
  merge.issues.push({
    code: "config-unknown-key",
    severity: "error",
    at: placeOf(origin),
    message: isSettingKey(key) ? `"${key}" has no value` : `unknown key "${key}"`,
    fix: meant === undefined ? "use --set KEY=VALUE with a key of agent.toml" : `did you mean "${meant}"?`,
  });
}

function checkTogether(values: SettingValues, merge: Merge): readonly Issue[] {
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

function placeOf(origin: Origin): Place {
  if (origin.from === "file") return origin.at;
  return { file: origin.from === "default" ? "default" : origin.name, line: 1, column: 1 };
}

function describe(value: TomlValue): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return "this list";
  return typeof value === "object" ? "this table or date" : String(value);
}
