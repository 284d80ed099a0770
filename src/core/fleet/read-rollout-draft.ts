import { isNodeName } from "../signing/selector.ts";
import { checkRolloutSpec } from "./check-rollout-spec.ts";
import { DEFAULT_ROLLOUT, defaultMaxBake, defaultWave } from "./default-rollout.ts";
import { FLEET_LIMITS } from "./fleet-limits.ts";
import { isRolloutId, NAME_FORM, ROLLOUT_ID_FORM } from "./read-rollout-spec.ts";
import { readLabelLists, readNodes, readSelector } from "./read-selector.ts";
import type { RecordReader } from "./record-reader.ts";
import type { DraftPick, DraftWave, RolloutDraft } from "./rollout-draft.ts";
import type { Preflight } from "./rollout-spec.ts";
import { DAYS, type Window } from "./windows.ts";

/** The keys of a rollout in a file: durations as `10m`, days and times in words. */
export function readRolloutDraft(reader: RecordReader): RolloutDraft {
  reader.oneOf("kind", ["Rollout"]);
  reader.oneOf("apiVersion", ["mirrorlet/v1"]);
  const usual = DEFAULT_ROLLOUT;
  const id = reader.optional("id", () => reader.text("id", isRolloutId, ROLLOUT_ID_FORM));
  const channel = reader.optional("channel", () => reader.text("channel", isNodeName, NAME_FORM));
  const spreadMs = duration(reader, "spread", usual.spreadMs);
  const soakMs = duration(reader, "soak", usual.soakMs);
  const work = usual.reportByMs - usual.spreadMs - usual.soakMs;
  const draft: RolloutDraft = {
    ...(id !== undefined && { id }),
    ...(channel !== undefined && { channel }),
    scope: reader.optional("scope", () => reader.child("scope", "a selector", readSelector)) ?? usual.scope,
    classLabel:
      reader.optional("classLabel", () => reader.text("classLabel", isNodeName, NAME_FORM)) ??
      usual.classLabel,
    preflight: readPreflight(reader, spreadMs),
    waves: readWaves(reader) ?? usual.waves,
    onHalt: reader.optional("onHalt", () => reader.oneOf("onHalt", ["hold", "revert"])) ?? usual.onHalt,
    offline: reader.optional("offline", () => reader.oneOf("offline", ["skip", "wait"])) ?? usual.offline,
    spreadMs,
    soakMs,
    reportByMs: duration(reader, "reportBy", spreadMs + soakMs + work),
    windows:
      reader.optional("windows", () =>
        reader.children("windows", FLEET_LIMITS.windows, "a window", readWindow),
      ) ?? [],
  };
  checkRolloutSpec(draft, reader, "reportBy");
  return draft;
}

function readPreflight(reader: RecordReader, spreadMs: number): Preflight {
  const { preflight, spreadMs: usualSpread } = DEFAULT_ROLLOUT;
  const usual = { ...preflight, reportByMs: preflight.reportByMs - usualSpread + spreadMs };
  const read = (child: RecordReader): Preflight => ({
    nodes: child.optional("nodes", () => child.oneOf("nodes", ["all", "none"])) ?? usual.nodes,
    maxFailed: count(child, "maxFailed", usual.maxFailed),
    reportByMs: duration(child, "reportBy", usual.reportByMs),
  });
  return reader.optional("preflight", () => reader.child("preflight", "a preflight", read)) ?? usual;
}

function readWaves(reader: RecordReader): readonly DraftWave[] | undefined {
  let index = 0;
  const waves = reader.optional("waves", () =>
    reader.children("waves", FLEET_LIMITS.waves, "a wave", (wave) => readWave(wave, index++)),
  );
  return waves && fillCaps(waves);
}

/** Where none is given, not more at once than in a wave behind it. */
function fillCaps(waves: readonly OpenWave[]): readonly DraftWave[] {
  const filled: DraftWave[] = [];
  for (const { maxInFlight, ...wave } of waves.toReversed()) {
    const next = filled[0]?.maxInFlight ?? Number.POSITIVE_INFINITY;
    const usual = Math.min(next, defaultWave(0, wave.pick).maxInFlight);
    filled.unshift({ ...wave, maxInFlight: maxInFlight ?? usual });
  }
  return filled;
}

type OpenWave = Omit<DraftWave, "maxInFlight"> & { readonly maxInFlight: number | undefined };

function readWave(reader: RecordReader, index: number): OpenWave {
  const pick = reader.child("pick", "who is in a wave", readPick) ?? { kind: "percent", percent: 100 };
  const name = reader.optional("name", () => reader.text("name", isNodeName, NAME_FORM));
  const usual = defaultWave(index, pick, name);
  const bakeMs = duration(reader, "bake", usual.bakeMs);
  return {
    name: usual.name,
    pick,
    maxInFlight: reader.optional("maxInFlight", () =>
      reader.whole("maxInFlight", 1, FLEET_LIMITS.maxInFlight),
    ),
    minDone: reader.optional("minDone", () => reader.number("minDone", 0, 1)) ?? usual.minDone,
    maxFailed: count(reader, "maxFailed", usual.maxFailed),
    maxFailedPct: percent(reader, "maxFailedPercent", usual.maxFailedPct),
    maxSilentPct: percent(reader, "maxSilentPercent", usual.maxSilentPct),
    bakeMs,
    maxBakeMs: duration(reader, "maxBake", defaultMaxBake(bakeMs)),
    evidence:
      reader.optional("evidence", () => reader.oneOf("evidence", ["none", "one", "every"])) ?? usual.evidence,
  };
}

const PICKS = ["perClass", "nodes", "labels", "percent"] as const;

function readPick(reader: RecordReader): DraftPick {
  const given = PICKS.filter((key) => reader.has(key));
  const [kind] = given;
  if (given.length !== 1)
    reader.refuse(
      "pick",
      `a wave picks by one of ${PICKS.join(", ")}, here by ${given.join(" and ") || "none"}`,
    );
  if (kind === "perClass") return { kind, count: reader.whole("perClass", 1, 1000) };
  if (kind === "nodes") return { kind, nodes: readNodes(reader) };
  if (kind === "labels") return { kind, labels: readLabelLists(reader, "labels") };
  return { kind: "percent", percent: kind === undefined ? 100 : reader.number("percent", 0, 100) };
}

function readWindow(reader: RecordReader): Window {
  const isDay = (text: string): boolean => (DAYS as readonly string[]).includes(text);
  const days = reader.optional("days", () => reader.texts("days", 7, isDay, `one of ${DAYS.join(", ")}`));
  return {
    ...(days && { days: days.map((day) => (DAYS as readonly string[]).indexOf(day)) }),
    fromMinute: minute(reader, "from"),
    toMinute: minute(reader, "to"),
  };
}

/** A time of the day in UTC, in quotes: YAML 1.1 readers take 08:00 for a number. */
function minute(reader: RecordReader, key: string): number {
  const text = reader.text(
    key,
    (one) => /^(?:[01]\d|2[0-3]):[0-5]\d$/.test(one),
    'a time in UTC, as "08:30"',
  );
  const [hours = "0", minutes = "0"] = text.split(":");
  return Number(hours) * 60 + Number(minutes);
}

function duration(reader: RecordReader, key: string, usual: number): number {
  return reader.optional(key, () => reader.duration(key)) ?? usual;
}

function count(reader: RecordReader, key: string, usual: number): number {
  return reader.optional(key, () => reader.whole(key, 0, Number.MAX_SAFE_INTEGER)) ?? usual;
}

function percent(reader: RecordReader, key: string, usual: number): number {
  return reader.optional(key, () => reader.number(key, 0, 100)) ?? usual;
}
