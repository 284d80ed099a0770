import assert from "node:assert/strict";
import { test } from "node:test";
import type { Engine } from "../../../src/fleet/engine/engine.ts";
import { EngineError } from "../../../src/fleet/engine/engine-error.ts";
import { createStatusBoard } from "../../../src/fleet/server/status-board.ts";
import { createTokenKeeper } from "../../../src/fleet/server/token-keeper.ts";
import { commit } from "../../../src/fleet/store/commit.ts";
import { takeSeat } from "../../../src/fleet/store/serve-fleet.ts";
import { specWith, stateWith, T0 } from "../../core/fleet/support/fleet.ts";
import { eventually } from "../engine/engine-words.ts";
import { follow, journalStore } from "../store/store-words.ts";

test("a token is asked for again after a while, or at once where the clock was put back", async (t) => {
  const store = await journalStore(t);
  const { engine, fleet } = store;
  await commit(
    store,
    [],
    [
      { kind: "spec", id: "r1", value: specWith() },
      { kind: "state", id: "r1", value: stateWith({ phase: "waves" }) },
    ],
  );
  const lease = await engine.lease(60_000);
  const seat = await takeSeat(store, "s1", { version: "1", host: "h", startedMs: T0 }, lease.id);
  assert.ok(seat);
  const { records } = follow(t, store);
  await eventually(() => records.state.size === 1, "it is followed");
  let [asked, failed, isAway] = [0, 0, true];
  const flaky: Engine = {
    ...engine,
    async txn(txn, options) {
      asked++;
      if (isAway) throw new EngineError("unavailable", "away");
      return engine.txn(txn, options);
    },
  };
  let nowMs = T0;
  const keeper = createTokenKeeper({
    store: { engine: flaky, fleet },
    records,
    board: createStatusBoard(fleet, records),
    seat: () => seat,
    nowMs: () => nowMs,
    onTokens: () => undefined,
    onError: () => void failed++,
  });
  assert.equal(keeper.reserve("r1", "n0"), false);
  await eventually(() => failed === 1, "the engine is away");
  keeper.work(nowMs + 100);
  assert.equal(asked, 1, "not in a loop");
  isAway = false;
  nowMs = T0 - 3_600_000;
  await eventually(() => {
    keeper.work(nowMs);
    return keeper.reserve("r1", "n0");
  }, "an hour is not waited for");
});
