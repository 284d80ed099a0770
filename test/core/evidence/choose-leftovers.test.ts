import assert from "node:assert/strict";
import { test } from "node:test";
import { parseImageReference } from "../../../src/core/containerd/image-reference.ts";
import { chooseLeftovers } from "../../../src/core/evidence/choose-leftovers.ts";

const digest = `sha256:${"d".repeat(64)}`;
const ID = `sha256:${"1".repeat(64)}`;
const own = ["gcr.io/team/pause:3.9", `gcr.io/team/pause@${digest}`, ID];

function choose(reference: string, names: readonly string[], before: readonly string[] = []) {
  const parsed = parseImageReference(reference);
  assert.ok(parsed.ok);
  return chooseLeftovers(parsed.reference, names, new Set(before));
}

test("all records of a pull go when nothing else names the content", () => {
  assert.deepEqual(choose("gcr.io/team/pause:3.9", own), own);
  assert.deepEqual(choose(`gcr.io/team/pause@${digest}`, own.slice(1)), own.slice(1));
});

test("the same content under another name keeps its name and its ID", () => {
  const others = ["registry.k8s.io/pause:3.9", `registry.k8s.io/pause@${digest}`, ID];
  const names = [...own.slice(0, 2), ...others];
  assert.deepEqual(choose("gcr.io/team/pause:3.9", names, others), own.slice(0, 2), "there before");
  assert.deepEqual(choose("gcr.io/team/pause:3.9", names), own.slice(0, 2), "come meanwhile");
});

test("another tag of the same repository keeps the digest record, too", () => {
  const names = [...own, "gcr.io/team/pause:latest"];
  assert.deepEqual(choose("gcr.io/team/pause:3.9", names), ["gcr.io/team/pause:3.9"]);
  assert.deepEqual(choose(`gcr.io/team/pause@${digest}`, names), []);
});

test("what was there before stays", () => {
  assert.deepEqual(choose("gcr.io/team/pause:3.9", own, own), []);
  assert.deepEqual(choose("gcr.io/team/pause:3.9", own, [ID]), own.slice(0, 2));
});
