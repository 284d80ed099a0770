import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { NO_EVIDENCE } from "../../../src/core/fleet/rollout-state.ts";
import { decodeRecord } from "../../../src/fleet/store/decode-record.ts";
import { encodeRecord } from "../../../src/fleet/store/encode-record.ts";
import type { RecordValues } from "../../../src/fleet/store/fleet-records.ts";
import type { RecordKind } from "../../../src/fleet/store/record-name.ts";
import {
  channelWith,
  NEW,
  OLD,
  offerWith,
  specWith,
  stateWith,
  statusWith,
  T0,
} from "../../core/fleet/support/fleet.ts";
import { bytes, text } from "../engine/engine-words.ts";

const EXAMPLES: RecordValues = {
  channel: channelWith({ scoped: [{ scope: { labels: { class: ["gpu"] } }, ...NEW }] }),
  spec: specWith(),
  state: stateWith({
    phase: "halted",
    halted: { code: "operator", message: "halted by ann: x", atMs: T0, evidence: NO_EVIDENCE },
  }),
  tokens: { blocks: [{ server: "s1", size: 3 }] },
  status: statusWith({ running: OLD, offer: offerWith({ phase: "applied" }) }),
  override: { bundle: NEW, reason: "x", by: "ann", atMs: T0 },
  inventory: { labels: { class: "gpu" } },
  server: { version: "1", host: "h", address: "10.0.0.1:9479", startedMs: T0, clockOffMs: -61_000 },
  controller: { id: "c1", version: "1", host: "h", sinceMs: T0, beat: 3, atMs: T0 },
};

const IDS: Partial<Record<RecordKind, string>> = { spec: "r1", status: "n0", controller: "" };

const KINDS = Object.keys(EXAMPLES) as RecordKind[];

test("what is written is read back", () => {
  for (const kind of KINDS) {
    const read = decodeRecord({ kind, id: IDS[kind] ?? "x1" }, encodeRecord(kind, EXAMPLES[kind]));
    assert.deepEqual(read, { ok: true, value: EXAMPLES[kind] }, kind);
  }
});

test("any bytes are read or refused in words, and nothing more", () => {
  const kinds = fc.constantFrom(...KINDS);
  const anything = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.json().map(bytes));
  fc.assert(
    fc.property(kinds, anything, (kind, value) => {
      const read = decodeRecord({ kind, id: IDS[kind] ?? "x1" }, value);
      assert.ok(!read.ok && read.message.length > 0 && read.message.length <= 500);
    }),
    { numRuns: 500 },
  );
});

test("a record with one value changed is read as such or refused, never half", () => {
  const damaged = fc.constantFrom(...KINDS).chain((kind) => {
    const whole = text(encodeRecord(kind, EXAMPLES[kind]));
    return fc
      .tuple(fc.nat(whole.length - 1), fc.nat(8), fc.string({ maxLength: 3 }))
      .map(([at, length, put]) => [kind, whole.slice(0, at) + put + whole.slice(at + length)] as const);
  });
  fc.assert(
    fc.property(damaged, ([kind, value]) => {
      const read = decodeRecord({ kind, id: IDS[kind] ?? "x1" }, bytes(value));
      if (!read.ok) return;
      const written = encodeRecord(kind, read.value);
      const again = decodeRecord({ kind, id: IDS[kind] ?? "x1" }, written);
      // By what is written: -0 is read as such, and written as 0.
      assert.deepEqual(again.ok && encodeRecord(kind, again.value), written);
    }),
    { numRuns: 2_000 },
  );
});
