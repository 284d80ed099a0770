import assert from "node:assert/strict";
import { test } from "node:test";
import type { EtcdEvent, WatchReply } from "../../../../src/fleet/engine/etcd/messages.ts";
import {
  advance,
  onNewStream,
  startAfter,
  type WatchPosition,
} from "../../../../src/fleet/engine/etcd/watch-position.ts";

test("what a created response says of the store is not how far the watch is", () => {
  const { position } = advance(startAfter(4), reply({ created: true, header: { revision: 90 } }));
  assert.deepEqual(position, startAfter(4));
});

test("changes and progress move it on, the header of a response with changes does not", () => {
  const after = run(startAfter(4), [reply({ events: [event(5), event(7)], header: { revision: 90 } })]);
  assert.deepEqual(after.told, [[5, 7]]);
  assert.equal(after.position.reached, 7);
  const later = run(after.position, [
    reply({ header: { revision: 12 } }),
    reply({ header: { revision: 3 } }),
  ]);
  assert.equal(later.position.reached, 12);
  assert.deepEqual(later.told, []);
});

test("what was told is not told again", () => {
  const { told } = run(startAfter(4), [
    reply({ events: [event(4), event(5)] }),
    reply({ events: [event(5), event(6)] }),
  ]);
  assert.deepEqual(told, [[5], [6]]);
});

test("a revision in several fragments is told whole, or again whole on the next stream", () => {
  const fragments = [
    reply({ events: [event(5), event(6)], fragment: true }),
    reply({ events: [event(6)], fragment: true }),
    reply({ events: [event(6), event(7)] }),
  ];
  const whole = run(startAfter(4), fragments);
  assert.deepEqual(whole.told, [[5], [6, 6, 6, 7]]);
  assert.equal(whole.position.reached, 7);
  const torn = run(startAfter(4), fragments.slice(0, 2));
  assert.equal(torn.position.reached, 5);
  const again = run(onNewStream(torn.position), [reply({ events: [event(6), event(6), event(6)] })]);
  assert.deepEqual(again.told, [[6, 6, 6]]);
});

function run(start: WatchPosition, replies: readonly WatchReply[]) {
  let position = start;
  const told: number[][] = [];
  for (const one of replies) {
    const next = advance(position, one);
    position = next.position;
    const revisions = next.changes.map((change) =>
      change.kind === "put" ? change.entry.modRevision : change.modRevision,
    );
    if (revisions.length > 0) told.push(revisions);
  }
  return { position, told };
}

function reply(parts: Partial<WatchReply>): WatchReply {
  return {
    header: { revision: 0 },
    created: false,
    canceled: false,
    compactRevision: 0,
    cancelReason: "",
    fragment: false,
    events: [],
    ...parts,
  };
}

function event(modRevision: number): EtcdEvent {
  const kv = { key: Buffer.from("k"), value: Buffer.from(""), createRevision: 1, modRevision };
  return { type: "PUT", kv };
}
