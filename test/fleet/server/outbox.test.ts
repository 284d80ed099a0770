import assert from "node:assert/strict";
import { test } from "node:test";
import { createOutbox } from "../../../src/fleet/server/outbox.ts";

function outbox() {
  const written: string[] = [];
  let release: (() => void) | undefined;
  let conflated = 0;
  let isEnded = false;
  const made = createOutbox({
    write(message, done) {
      written.push(message.toString());
      release = done;
    },
    encodeAck: (seq) => Buffer.from(`ack ${seq}`),
    onEnd() {
      isEnded = true;
    },
    onConflated() {
      conflated++;
    },
    nowMs: () => 7,
  });
  /** The node takes the message that is on its way. */
  const take = (): void => {
    const done = release;
    release = undefined;
    done?.();
  };
  return { made, written, take, conflated: () => conflated, isEnded: () => isEnded };
}

test("of a thousand versions a stalled node keeps one waiting", () => {
  const { made, written, take, conflated } = outbox();
  const sent: number[] = [];
  for (let version = 0; version < 1_000; version++)
    made.assign(Buffer.from(`v${version}`), () => sent.push(version));
  assert.deepEqual(written, ["v0"]);
  assert.equal(conflated(), 998);
  assert.equal(made.stuckSinceMs(), 7);
  take();
  take();
  assert.deepEqual(written, ["v0", "v999"]);
  assert.deepEqual(sent, [0, 999]);
  assert.equal(made.stuckSinceMs(), undefined);
});

test("a welcome is first, acknowledgements go before assignments, the farewell is last and ends the stream", () => {
  const { made, written, take, isEnded } = outbox();
  made.greet(Buffer.from("welcome"));
  made.goAway(Buffer.from("bye"));
  made.beat(Buffer.from("beat"));
  made.assign(Buffer.from("do"), () => undefined);
  made.acknowledge(3);
  made.acknowledge(2);
  for (let count = 0; count < 4; count++) take();
  assert.deepEqual(written, ["welcome", "ack 3", "do", "beat", "bye"]);
  assert.equal(isEnded(), false);
  take();
  assert.equal(isEnded(), true);
  made.assign(Buffer.from("more"), () => undefined);
  assert.equal(written.length, 5);
});
