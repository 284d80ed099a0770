import assert from "node:assert/strict";
import { test } from "node:test";
import { AnswerError } from "../../../src/bundle/registry/answer-error.ts";
import { describePushFailure } from "../../../src/bundle/registry/describe-failure.ts";

function answer(status: number, detail?: unknown): AnswerError {
  const url = new URL("http://mirror:5000/v2/a/blobs/uploads/x");
  const body = Buffer.from(
    detail === undefined ? "" : JSON.stringify({ errors: [{ code: "UNKNOWN", detail }] }),
  );
  return new AnswerError("PUT", { url, status, headers: {}, challenges: [], body });
}

test("a full disk, however it is told, and not what only looks like one", () => {
  for (const full of [
    answer(507),
    answer(500, { Op: "write", Err: 28 }),
    answer(500, { Err: "no space left on device" }),
    answer(503, "write /data/x: no space left on device"),
  ]) {
    assert.equal(full.isFull, true, full.message);
    assert.match(describePushFailure(full), /^the registry's disk is full: make room there/);
  }
  for (const other of [answer(500), answer(500, { Op: "write", Err: 280 }), answer(404, "no space left")]) {
    assert.equal(other.isFull, false, other.message);
    assert.doesNotMatch(describePushFailure(other), /disk is full/);
  }
});
