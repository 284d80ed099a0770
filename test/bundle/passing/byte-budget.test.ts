import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { createByteBudget } from "../../../src/bundle/passing/byte-budget.ts";

test("never more than there is, in the order of arrival; what is larger than all of it gets it alone", async () => {
  const budget = createByteBudget(100);
  const begun: string[] = [];
  const take = (name: string, bytes: number): void =>
    void budget.take(bytes).then(() => begun.push(`${name} ${bytes}`));
  const give = async (bytes: number): Promise<readonly string[]> => {
    budget.give(bytes);
    await turn();
    return begun.splice(0);
  };
  take("first", 60);
  take("second", 50);
  take("third", 10);
  assert.deepEqual(await give(0), ["first 60"], "the third would fit, and does not overtake");
  assert.deepEqual(await give(60), ["second 50", "third 10"]);
  take("huge", 500);
  take("last", 1);
  assert.deepEqual(await give(50), []);
  assert.deepEqual(await give(10), ["huge 500"]);
  assert.deepEqual(await give(500), ["last 1"]);
});
