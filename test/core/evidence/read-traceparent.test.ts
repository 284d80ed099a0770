import assert from "node:assert/strict";
import { test } from "node:test";
import { readTraceparent } from "../../../src/core/evidence/read-traceparent.ts";

const id = "4bf92f3577b34da6a3ce929d0e0e4736";

test("the trace of a request is what its traceparent says", () => {
  assert.equal(readTraceparent(`00-${id}-00f067aa0ba902b7-01`), id);
  assert.equal(readTraceparent(`01-${id}-00f067aa0ba902b7-00-more`), id, "of a later version");
  for (const header of [
    undefined,
    "",
    id,
    `ff-${id}-00f067aa0ba902b7-01`,
    `00-${"0".repeat(32)}-00f067aa0ba902b7-01`,
    `00-${id.toUpperCase()}-00f067aa0ba902b7-01`,
    `00-${id}0-00f067aa0ba902b7-01`,
  ])
    assert.equal(readTraceparent(header), undefined, header);
});
