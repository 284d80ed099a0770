import assert from "node:assert/strict";
import { test } from "node:test";
import { holdBlob } from "../../../src/bundle/passing/hold-blob.ts";
import { connectForPush } from "../../support/push-bundle.ts";

test("a tiny blob is charged for what it takes besides, and gives that back", async (t) => {
  const { context, close } = connectForPush("http://127.0.0.1:1", {});
  t.after(close);
  let held = 0;
  const budget = {
    async take(bytes: number) {
      held += bytes;
    },
    give(bytes: number) {
      held -= bytes;
    },
  };
  const blob = { digest: undefined, repositories: ["a"], size: 40, place: "blob" };
  const sinks = await Promise.all([blob, blob].map((one) => holdBlob(context, one, budget)));
  assert.equal(held, 2 * 16 * 1024);
  for (const sink of sinks) sink.abort();
  assert.equal(held, 0);
});
