import assert from "node:assert/strict";
import { test } from "node:test";
import { type ChangeTakers, handOnChanges } from "../../../src/fleet/server/hand-on-changes.ts";
import type { FleetRecords } from "../../../src/fleet/store/fleet-records.ts";
import type { RecordName } from "../../../src/fleet/store/record-name.ts";
import { channelWith, NEW, specWith, stateWith } from "../../core/fleet/support/fleet.ts";
import { eventually } from "../engine/engine-words.ts";

const CHANNEL: RecordName = { kind: "channel", id: "stable" };
const STATE: RecordName = { kind: "state", id: "r1" };

/** A server that is about to fetch the envelope of NEW, and that counts how often it looks at all of its nodes. */
function awaiting() {
  let looks = 0;
  let come = (): void => undefined;
  const coming = new Promise<void>((resolve) => {
    come = resolve;
  });
  const stored = <T>(value: T) => ({ value, createRevision: 1, modRevision: 1 });
  const takers = {
    records: {
      channel: new Map([["stable", stored(channelWith({ stable: NEW }))]]),
      spec: new Map([["r1", stored(specWith())]]),
      state: new Map([["r1", stored(stateWith({ phase: "halted" }))]]),
    } as Partial<FleetRecords>,
    chooser: { forget: () => undefined },
    bundles: { get: () => undefined, expect: () => coming },
    desk: { lookAll: () => void looks++ },
  } as unknown as ChangeTakers;
  return {
    change: (...names: RecordName[]) => handOnChanges(names, takers),
    come,
    looks: () => looks,
  };
}

/** Longer than an envelope is waited for. */
const waitOn = () => new Promise((resolve) => setTimeout(resolve, 400));

test("nodes are looked at once for a new state: when its envelope has come", async () => {
  const server = awaiting();
  server.change(CHANNEL);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(server.looks(), 0);
  server.come();
  await eventually(() => server.looks() > 0, "they are looked at");
  await waitOn();
  assert.equal(server.looks(), 1);
});

test("an envelope that does not come keeps them waiting for a moment only", async () => {
  const server = awaiting();
  server.change(CHANNEL);
  await eventually(() => server.looks() === 1, "they are looked at all the same");
});

test("what a rollout does waits for no envelope", () => {
  const server = awaiting();
  server.change(CHANNEL, STATE);
  assert.equal(server.looks(), 1);
});
