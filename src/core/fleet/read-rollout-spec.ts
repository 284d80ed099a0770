import { isLabelValue, isNodeName } from "../signing/selector.ts";
import { isDigest, readBundle } from "./bundle.ts";
import { checkRolloutSpec } from "./check-rollout-spec.ts";
import { FLEET_LIMITS } from "./fleet-limits.ts";
import { PLACES } from "./membership.ts";
import type { ReadResult } from "./problem.ts";
import { readStored } from "./read-record.ts";
import { readLabelLists, readNodes, readSelector } from "./read-selector.ts";
import type { RecordReader } from "./record-reader.ts";
import type { Preflight, RolloutSpec, Superseded, Wave, WavePick } from "./rollout-spec.ts";
import type { Window } from "./windows.ts";

export const NAME_FORM = "letters, digits, dots, dashes and underscores";

/** `rollouts/<id>/spec` */
export function readRolloutSpec(text: string): ReadResult<RolloutSpec> {
  return readStored(text, "a rollout", (reader) => {
    const spec = readSpec(reader);
    checkRolloutSpec(spec, reader, "reportByMs");
    return spec;
  });
}

function readSpec(reader: RecordReader): RolloutSpec {
  const from = reader.optional("from", () => reader.child("from", "a bundle", readBundle));
  return {
    id: reader.text("id", isRolloutId, ROLLOUT_ID_FORM),
    channel: reader.text("channel", isNodeName, NAME_FORM),
    ...(from && { from }),
    to: reader.child("to", "a bundle", readBundle) ?? { digest: "", serial: 1 },
    scope: reader.child("scope", "a selector", readSelector) ?? {},
    classLabel: reader.text("classLabel", isNodeName, NAME_FORM),
    preflight: reader.child("preflight", "a preflight", readPreflight) ?? NO_PREFLIGHT,
    waves: reader.children("waves", FLEET_LIMITS.waves, "a wave", readWave),
    onHalt: reader.oneOf("onHalt", ["hold", "revert"]),
    offline: reader.oneOf("offline", ["skip", "wait"]),
    spreadMs: reader.durationMs("spreadMs"),
    soakMs: reader.durationMs("soakMs"),
    reportByMs: reader.durationMs("reportByMs"),
    windows: reader.children("windows", FLEET_LIMITS.windows, "a window", readWindow),
    supersedes: reader.children("supersedes", FLEET_LIMITS.supersedes, "a rollout", readSuperseded),
    createdMs: reader.moment("createdMs"),
    createdBy: reader.message("createdBy"),
  };
}

export const ROLLOUT_ID_FORM = `at most 63 ${NAME_FORM}, with a letter or digit at both ends`;

/** Short enough for the ids of its assignments. */
export function isRolloutId(text: string): boolean {
  return text.length <= 63 && isNodeName(text);
}

const NO_PREFLIGHT: Preflight = { nodes: "none", maxFailed: 0, reportByMs: 0 };

function readPreflight(reader: RecordReader): Preflight {
  return {
    nodes: reader.oneOf("nodes", ["all", "none"]),
    maxFailed: reader.whole("maxFailed", 0, Number.MAX_SAFE_INTEGER),
    reportByMs: reader.durationMs("reportByMs"),
  };
}

function readWave(reader: RecordReader): Wave {
  return {
    name: reader.text("name", isNodeName, NAME_FORM),
    pick: reader.child("pick", "who is in a wave", readPick) ?? { kind: "percent", percent: 100 },
    maxInFlight: reader.whole("maxInFlight", 1, FLEET_LIMITS.maxInFlight),
    minDone: reader.number("minDone", 0, 1),
    maxFailed: reader.whole("maxFailed", 0, Number.MAX_SAFE_INTEGER),
    maxFailedPct: reader.number("maxFailedPct", 0, 100),
    maxSilentPct: reader.number("maxSilentPct", 0, 100),
    bakeMs: reader.durationMs("bakeMs"),
    maxBakeMs: reader.durationMs("maxBakeMs"),
    evidence: reader.oneOf("evidence", ["none", "one", "every"]),
  };
}

function readPick(reader: RecordReader): WavePick {
  const kind = reader.oneOf("kind", ["percent", "nodes", "labels"]);
  if (kind === "nodes") return { kind, nodes: readNodes(reader) };
  if (kind === "labels") return { kind, labels: readLabelLists(reader, "labels") };
  const percent = reader.number("percent", 0, 100);
  const cuts = reader.optional("cuts", () => reader.child("cuts", "places by class", readCuts));
  return { kind, percent, ...(cuts && { cuts }) };
}

function readCuts(reader: RecordReader): Readonly<Record<string, number>> {
  const classes = reader.keys().slice(0, FLEET_LIMITS.classes);
  return Object.fromEntries(
    classes.map((name) => {
      if (name !== "" && !isLabelValue(name)) reader.refuse(name, "this is no value of a label");
      return [name, reader.whole(name, 0, PLACES)];
    }),
  );
}

function readWindow(reader: RecordReader): Window {
  const days = reader.optional("days", () => reader.wholes("days", 7, 0, 6));
  return {
    ...(days && { days }),
    fromMinute: reader.whole("fromMinute", 0, 1439),
    toMinute: reader.whole("toMinute", 0, 1439),
  };
}

function readSuperseded(reader: RecordReader): Superseded {
  return {
    id: reader.text("id", isRolloutId, ROLLOUT_ID_FORM),
    digest: reader.text("digest", isDigest, "64 hexadecimal digits, lower case"),
  };
}
