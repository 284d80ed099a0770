import assert from "node:assert/strict";
import { test } from "node:test";
import { fuzzSpans } from "../../../support/fuzz-spans.ts";

// A million of them: scripts/fuzz-otlp.
test("mutated exports are read or refused, and nothing else happens", () => {
  const { accepted, refused, spans, outputs } = fuzzSpans(5000, 20_261_126);
  assert.equal(accepted + refused, 5000);
  // Neither everything nor nothing: the mutations reach what they are to reach.
  for (const count of [accepted, refused, spans, outputs]) assert.ok(count > 100, `${count}`);
});
