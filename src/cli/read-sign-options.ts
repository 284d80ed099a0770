import { parseDuration } from "../core/agent-config/duration.ts";
import { openJson, Refusal } from "../core/signing/json-reader.ts";
import { readSelector } from "../core/signing/read-selector.ts";
import { isLabelKey, isLabelValue, isNodeName, type Selector } from "../core/signing/selector.ts";
import { parseTime, type SignedState } from "../core/signing/signed-state.ts";
import type { FleetSignOptions } from "./fleet-commands.ts";

/** What is signed besides the desired state itself. */
export type SignedFacts = Omit<SignedState, "desiredState" | "name">;

/** Of an option that makes no sense. */
class UsageError extends Error {}

const DEFAULT_EXPIRES = "90d";

/** What the options say about a new signed state; text: what is wrong with them. */
export function readSignOptions(options: FleetSignOptions, nowMs: number): SignedFacts | string {
  try {
    const { serial, fleet, notBefore } = options;
    if (serial === undefined || fleet === undefined)
      throw new UsageError("a desired state is signed with --serial and --fleet");
    const floorSerial = readSerial("--floor-serial", options.floorSerial ?? "1");
    const facts = {
      fleet: readName("--fleet", fleet),
      channel: readName("--channel", options.channel ?? "stable"),
      audience: readAudience(options),
      serial: readSerial("--serial", serial),
      floorSerial,
      notBeforeMs: notBefore === undefined ? undefined : readMoment("--not-before", notBefore, nowMs),
      expiresMs: readMoment("--expires", options.expires ?? DEFAULT_EXPIRES, nowMs),
    };
    if (floorSerial > facts.serial)
      throw new UsageError("--floor-serial is above --serial: it would close itself out");
    if (facts.expiresMs <= Math.max(nowMs, facts.notBeforeMs ?? 0))
      throw new UsageError("--expires is over before it could be used");
    return facts;
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
}

/** Options that say what is signed, where it is settled already. */
export function factOptions(options: FleetSignOptions): readonly string[] {
  const { serial, floorSerial, fleet, channel, audience, nodes, label, notBefore, expires } = options;
  const all = {
    "--serial": serial,
    "--floor-serial": floorSerial,
    "--fleet": fleet,
    "--channel": channel,
    "--audience": audience,
    "--nodes": nodes,
    "--label": label,
    "--not-before": notBefore,
    "--expires": expires,
  };
  return Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [name]));
}

function readName(option: string, text: string): string {
  if (isNodeName(text)) return text;
  throw new UsageError(`${option}: letters, digits, dots, dashes and underscores only`);
}

function readSerial(option: string, text: string): number {
  const serial = /^[1-9]\d{0,15}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(serial)) return serial;
  throw new UsageError(`${option} takes a whole number from 1 to ${Number.MAX_SAFE_INTEGER}`);
}

function readMoment(option: string, text: string, nowMs: number): number {
  const days = /^(\d{1,5})d$/.exec(text)?.[1];
  const afterMs = days === undefined ? parseDuration(text) : Number(days) * 86_400_000;
  const moment = afterMs === undefined ? parseTime(text) : nowMs + afterMs;
  // Whole seconds are what people read.
  if (moment !== undefined && moment < YEAR_10000_MS) return Math.floor(moment / 1000) * 1000;
  throw new UsageError(
    `${option} takes a time such as 2026-01-31T08:00:00Z, or a while from now such as 30d or 12h`,
  );
}

/** Later ones RFC 3339 cannot write. */
const YEAR_10000_MS = Date.UTC(10_000, 0);

/** `--nodes` and `--label`; text: what is wrong with them. Without any, everybody. */
export function readSelectorOptions(options: SelectorOptions): Selector | string {
  try {
    return readSelection(options);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
}

type SelectorOptions = Pick<FleetSignOptions, "nodes" | "label">;

function readAudience({ audience, nodes, label }: FleetSignOptions): Selector {
  if (audience === undefined) return readSelection({ nodes, label });
  if (nodes !== undefined || label !== undefined)
    throw new UsageError("--audience says all of it: leave out --nodes and --label");
  return readAudienceJson(audience);
}

function readSelection({ nodes, label }: SelectorOptions): Selector {
  return {
    ...(nodes === undefined ? {} : { nodes: nodes.split(",").map((node) => readName("--nodes", node)) }),
    ...(label === undefined ? {} : { labels: readLabelOptions(label) }),
  };
}

/** The same key twice: either value. */
function readLabelOptions(label: readonly string[]): Readonly<Record<string, readonly string[]>> {
  const labels = new Map<string, string[]>();
  for (const entry of label) {
    const [key = "", value = "", ...more] = entry.split("=");
    if (more.length > 0 || !isLabelKey(key) || !isLabelValue(value))
      throw new UsageError("--label takes key=value, such as class=gpu");
    labels.set(key, [...(labels.get(key) ?? []), value]);
  }
  return Object.fromEntries(labels);
}

function readAudienceJson(text: string): Selector {
  const source = { file: "--audience", code: "signed-payload", what: "the audience", fix: "" } as const;
  try {
    const document = openJson(new TextEncoder().encode(text), source, { depth: 3, nodes: 20_000 });
    return readSelector(document.root, document);
  } catch (error) {
    if (error instanceof Refusal) throw new UsageError(`--audience: ${error.message}`);
    throw error;
  }
}
