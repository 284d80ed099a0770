import assert from "node:assert/strict";
import { test } from "node:test";
import { tryingTimeMs } from "../../../src/agent/feed/trying-time.ts";

test("trying ends before the answer is due, and has its time where nobody says when that is", () => {
  assert.equal(tryingTimeMs({ reportByMs: 100_000 }), 80_000);
  assert.ok(tryingTimeMs({ reportByMs: 0 }) > 60_000);
});
