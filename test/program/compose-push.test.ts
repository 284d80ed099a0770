import assert from "node:assert/strict";
import { test } from "node:test";
import { TokenBusyError } from "../../src/bundle/registry/fetch-push-token.ts";
import { pushDeps } from "../../src/program/compose-push.ts";

test("a busy token service is no fault of this program", () => {
  const { explain } = pushDeps();
  assert.equal(explain(new TokenBusyError("the token service answers 503")), "the token service answers 503");
  assert.throws(() => explain(new TypeError("x")), TypeError);
});
