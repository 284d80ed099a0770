import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { claimStaging } from "../../../src/bundle/journal/claim-staging.ts";
import { scratch } from "../../support/opened-bundle.ts";

test("one push has a name at a time; the next takes over what was left, from one that was killed too", (t) => {
  const folder = scratch(t);
  const alive = new Set([1, 2, 3]);
  let made = 0;
  const claim = (pid: number, host = "here") =>
    claimStaging(folder, {
      host,
      pid,
      isRunning: (one) => alive.has(one),
      freshName: () => `fresh${++made}`,
    });
  const first = claim(1);
  assert.deepEqual(first.names, ["fresh1"]);
  assert.deepEqual(claim(2).names, ["fresh2"], "the first is used");
  assert.deepEqual(claim(2).names, ["fresh3"], "by another push of this process, too");
  first.release();
  assert.deepEqual(claim(3).names, ["fresh1"]);
  assert.deepEqual(claim(1, "there").names, ["fresh4"], "nobody knows who runs elsewhere");
  alive.clear();
  const last = claim(4);
  assert.deepEqual(last.names, ["fresh1", "fresh2", "fresh3"]);
  last.release();
  assert.deepEqual(readdirSync(folder).sort(), ["fresh1", "fresh2", "fresh3", "fresh4@there@1"]);
});
