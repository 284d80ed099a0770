import { isNodeName } from "../signing/selector.ts";
import { FLEET_LIMITS } from "./fleet-limits.ts";
import { maybe } from "./maybe.ts";
import type { ReadResult } from "./problem.ts";
import { readStored } from "./read-record.ts";
import type { RecordReader } from "./record-reader.ts";
import {
  type Deed,
  type ErrorGroup,
  type Evidence,
  type Factor,
  HALT_CODES,
  type Halt,
  ROLLOUT_PHASES,
  type RolloutState,
} from "./rollout-state.ts";

/** `rollouts/<id>/state` */
export function readRolloutState(text: string): ReadResult<RolloutState> {
  return readStored(text, "the state of a rollout", (reader) => ({
    phase: reader.oneOf("phase", ROLLOUT_PHASES),
    wave: reader.whole("wave", 0, FLEET_LIMITS.waves - 1),
    startedMs: reader.moment("startedMs"),
    ...maybe("bakingMs", reader, () => reader.moment("bakingMs")),
    attempt: reader.whole("attempt", 1, Number.MAX_SAFE_INTEGER),
    ...maybe("paused", reader, () => reader.child("paused", "who did it, and why", readDeed)),
    ...maybe("expedited", reader, () => reader.child("expedited", "who did it, and why", readDeed)),
    ...maybe("halted", reader, () => reader.child("halted", "a halt", readHalt)),
    ...maybe("left", reader, () => reader.child("left", "evidence", readEvidence)),
    ...maybe("generation", reader, () => reader.whole("generation", 0, Number.MAX_SAFE_INTEGER)),
  }));
}

function readDeed(reader: RecordReader): Deed {
  return { by: reader.message("by"), reason: reader.message("reason"), atMs: reader.moment("atMs") };
}

function readHalt(reader: RecordReader): Halt {
  return {
    code: reader.oneOf("code", HALT_CODES),
    message: reader.message("message"),
    atMs: reader.moment("atMs"),
    ...maybe("wave", reader, () => reader.whole("wave", 0, FLEET_LIMITS.waves - 1)),
    evidence: reader.child("evidence", "evidence", readEvidence) as Evidence,
    ...(reader.optional("isWhole", () => reader.boolean("isWhole")) && { isWhole: true as const }),
  };
}

const MAX_LISTED = 32;

function readEvidence(reader: RecordReader): Evidence {
  return {
    errors: reader.children("errors", MAX_LISTED, "an error", readErrorGroup),
    nodes: reader.texts("nodes", MAX_LISTED, isNodeName, "the id of a node"),
    count: reader.whole("count", 0, Number.MAX_SAFE_INTEGER),
    factors: reader.children("factors", MAX_LISTED, "a factor", readFactor),
  };
}

function readErrorGroup(reader: RecordReader): ErrorGroup {
  return {
    code: reader.message("code"),
    count: reader.whole("count", 1, Number.MAX_SAFE_INTEGER),
    node: reader.text("node", isNodeName, "the id of a node"),
    message: reader.message("message"),
    ...maybe("item", reader, () => reader.message("item")),
  };
}

function readFactor(reader: RecordReader): Factor {
  const count = (key: string): number => reader.whole(key, 0, Number.MAX_SAFE_INTEGER);
  return {
    name: reader.message("name"),
    value: reader.message("value"),
    unwell: count("unwell"),
    unwellOf: count("unwellOf"),
    well: count("well"),
    wellOf: count("wellOf"),
  };
}
