import assert from "node:assert/strict";
import { test } from "node:test";
import { AnswerError } from "../../../src/bundle/registry/answer-error.ts";
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

test("a manifest that is answered 500 is given up soon while all else succeeds, and takes nothing down with it", async () => {
  let atMs = 0;
  const retrier = createRetrier({
    now: () => atMs,
    random: () => 0.5,
    pause: async (ms) => {
      atMs += ms;
    },
    onRetry: () => {},
  });
  const url = new URL("http://reg.example/v2/a/manifests/1");
  const answer = new AnswerError("PUT", {
    url,
    status: 500,
    headers: {},
    body: Buffer.from(""),
    challenges: [],
  });
  let choked = 0;
  const triesOf = async (succeeds: boolean): Promise<number> => {
    let tries = 0;
    const work = async () => {
      tries++;
      if (succeeds) await retrier.run("another", async () => {});
      throw answer;
    };
    await assert.rejects(retrier.run("x", work, { choked: () => void choked++ }), /tried \d+ times/);
    return tries;
  };
  assert.equal(await triesOf(true), 5);
  assert.ok((await triesOf(false)) > 8, "the registry may be going down and up again");
  assert.equal(choked, 0);
});
