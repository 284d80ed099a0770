import assert from "node:assert/strict";
import { test } from "node:test";
import type { Engine } from "../../../src/fleet/engine/engine.ts";
import { EngineError } from "../../../src/fleet/engine/engine-error.ts";
import { keepSeat } from "../../../src/fleet/server/seat-keeper.ts";
import { scratch } from "../../host/scratch.ts";
import { eventually } from "../engine/engine-words.ts";
import { openJournal } from "../engine/open-engine.ts";

test("a seat that is not to be had is not asked for in a loop", async (t) => {
  const engine = await openJournal({ directory: scratch(t) });
  let [asked, chosen] = [0, 0];
  const taken: Engine = {
    ...engine,
    async txn(txn, options) {
      asked++;
      return { ...(await engine.txn({ success: txn.failure ?? [] }, options)), succeeded: false };
    },
  };
  const keeper = keepSeat({
    store: { engine: taken, fleet: "prod" },
    record: { version: "1", host: "h", address: "127.0.0.1:1", startedMs: 1 },
    newId: () => `s${asked}`,
    random() {
      chosen++;
      return 1;
    },
    leaseMs: 5_000,
    onSeat: () => assert.fail("there is no seat"),
    onError: (error) => assert.fail(error),
  });
  // Also where an assertion fails: else it would ask for ever.
  t.after(async () => {
    await keeper.close();
    await engine.close();
  });
  await eventually(() => asked > 0, "it is asked for");
  const sinceMs = performance.now();
  // Each as long as a try.
  for (let count = 0; count < 20; count++) await (await engine.lease(5_000)).end();
  // One more for each three seconds that a busy machine took for them.
  const most = 1 + Math.ceil((performance.now() - sinceMs) / 3_000);
  assert.ok(asked < most, `asked ${asked} times`);
  await eventually(() => chosen === 1, "servers that were refused at once do not ask again at once");
});

test("a clock that is off, and cannot be noted, is no error at every tick", async (t) => {
  const engine = await openJournal({ directory: scratch(t) });
  let isAway = false;
  let [errors, isSeated] = [0, false];
  const txn: Engine["txn"] = async (...input) => {
    if (isAway) throw new EngineError("unavailable", "away");
    return engine.txn(...input);
  };
  const keeper = keepSeat({
    store: { engine: { ...engine, txn }, fleet: "prod" },
    record: { version: "1", host: "h", address: "127.0.0.1:1", startedMs: 1 },
    newId: () => "s1",
    random: () => 1,
    leaseMs: 60_000,
    onSeat: (seat) => {
      isSeated = seat !== undefined;
    },
    onError: () => void errors++,
  });
  t.after(async () => {
    await keeper.close();
    await engine.close();
  });
  await eventually(() => isSeated, "it has a seat");
  isAway = true;
  for (let tick = 0; tick < 50; tick++) {
    keeper.noteClock(40_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(errors, 1);
});
