import assert from "node:assert/strict";
import { test } from "node:test";
import { createRetrier } from "../../../src/bundle/registry/retrier.ts";
import { RegistryError } from "../../../src/registry/registry-error.ts";

test("a stall is too much at once: it takes the concurrency down, and a refused connection does not", async () => {
  const retrier = createRetrier({
    now: () => 0,
    random: () => 0,
    pause: async () => {},
    onRetry: () => {},
  });
  const chokesFor = async (code: "no-answer" | "refused"): Promise<number> => {
    let choked = 0;
    const work = async (failed: number) => {
      if (failed === 0) throw new RegistryError({ phase: "http", code, host: "reg.example" });
    };
    await retrier.run("x", work, { choked: () => void choked++ });
    return choked;
  };
  assert.equal(await chokesFor("no-answer"), 1);
  assert.equal(await chokesFor("refused"), 0);
});
