import { isTomlTable, parseToml, type TomlValue } from "../../toml/parse-toml.ts";
import {
  applyEdits,
  type ConfigText,
  findHeader,
  fullPath,
  openConfigText,
  startsWithPath,
} from "./config-text.ts";
import { removeKey, setString } from "./edit-key.ts";
import { cutLines } from "./owned-tables.ts";
import { tracingPlugins } from "./tracing-plugins.ts";
import { findDeviation } from "./verify-edit.ts";

/** Which receiver config.toml is to name for containerd's traces. */
export interface WantedReceiver {
  /** `http://host:port`; `""`: none of ours. */
  readonly endpoint: string;
  /** Receivers that we name or have named; any other one is somebody else's and stays. */
  readonly ours: ReadonlySet<string>;
}

const SECTION = ["plugins", tracingPlugins.exporter] as const;

/** The receiver that a config.toml names; undefined: the key is not there. */
export function receiverIn(text: string): string | undefined {
  // Asked at every pass, and parsing a whole file is dear.
  if (!text.includes(tracingPlugins.exporter)) return undefined;
  const parsed = parseToml(text);
  let value: TomlValue | undefined = parsed.ok ? parsed.value : undefined;
  for (const key of [...SECTION, "endpoint"])
    value = isTomlTable(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return typeof value === "string" ? value : undefined;
}

/**
 * The text with our receiver in it, or without it: the one key that an exporter needs, in place, however its table is
 * written. The text as it was where it names somebody else's; undefined where it cannot be edited.
 */
export function editReceiver(text: string, { endpoint, ours }: WantedReceiver): string | undefined {
  const written = receiverIn(text) ?? "";
  if (written === endpoint || (written !== "" && !ours.has(written))) return text;
  if (endpoint !== "") return setReceiver(text, endpoint);
  return holdsMore(text) ? setReceiver(text, "") : dropReceiver(text, false);
}

/** A receiver of ours makes way for what the original said. */
export function revertReceiver(
  text: string,
  original: string,
  ours: ReadonlySet<string>,
): string | undefined {
  if (!ours.has(receiverIn(text) ?? "")) return text;
  const before = receiverIn(original);
  const hadTable = statementsOf(openConfigText(original)).length > 0;
  return before === undefined ? dropReceiver(text, hadTable) : setReceiver(text, before);
}

function setReceiver(text: string, endpoint: string): string | undefined {
  return verified(text, setString(openConfigText(text), SECTION, "endpoint", endpoint), endpoint);
}

/** A header that came with the key goes with it, when nothing else is below it. */
function dropReceiver(text: string, keepsTable: boolean): string | undefined {
  const config = removeKey(openConfigText(text), SECTION, "endpoint");
  const header = config && findHeader(config, SECTION);
  if (config === undefined || header === undefined || keepsTable || statementsOf(config).length > 1)
    return verified(text, config, undefined);
  const bare = applyEdits(config, [cutLines(config, header.start, header.end)]);
  return verified(text, bare, undefined);
}

/** Such a table was there before us, as `containerd config default` of 1.7.15 writes it, with an empty endpoint. */
function holdsMore(text: string): boolean {
  const config = openConfigText(text);
  return statementsOf(config).some(
    (statement) => statement.kind === "key-value" && fullPath(statement).at(-1) !== "endpoint",
  );
}

function statementsOf(config: ConfigText) {
  return config.statements.filter((statement) => startsWithPath(fullPath(statement), SECTION));
}

function verified(
  before: string,
  after: ConfigText | undefined,
  value: string | undefined,
): string | undefined {
  if (after === undefined) return undefined;
  const intended = { section: SECTION, key: { name: "endpoint", value }, removed: [], tables: [] };
  return findDeviation(before, after.text, intended) === undefined ? after.text : undefined;
}
