import assert from "node:assert/strict";
import { test } from "node:test";
import { ENGINE_LIMITS } from "../../../src/fleet/engine/engine-limits.ts";
import { keyOf, nameOf, type RecordName } from "../../../src/fleet/store/record-name.ts";

const KEYS: readonly (readonly [RecordName, string])[] = [
  [{ kind: "channel", id: "stable" }, "channels/stable"],
  [{ kind: "spec", id: "r1" }, "rollouts/r1/spec"],
  [{ kind: "state", id: "r1" }, "rollouts/r1/state"],
  [{ kind: "tokens", id: "r1" }, "rollouts/r1/tokens"],
  [{ kind: "status", id: "n1" }, "status/d/n1"],
  [{ kind: "override", id: "n1" }, "overrides/n1"],
  [{ kind: "inventory", id: "n1" }, "inventory/n1"],
  [{ kind: "server", id: "s1" }, "servers/s1"],
  [{ kind: "controller", id: "" }, "controller"],
];

test("each record has its key, and the key its record", () => {
  for (const [name, path] of KEYS) {
    const key = `/mirrorlet/prod/records/${path}`;
    assert.equal(keyOf("prod", name), key);
    assert.deepEqual(nameOf("prod", key), name);
  }
});

test("a key that is not ours has no name", () => {
  for (const path of [
    "channels/a/b",
    "channels",
    "rollouts/r1",
    "rollouts/r1/spec/x",
    "rollouts/r1/notes",
    "status/n1",
    // Not its shard.
    "status/5/n1",
    "controller/x",
    "later/thing",
    "",
  ])
    assert.equal(nameOf("prod", `/mirrorlet/prod/records/${path}`), undefined, path);
  assert.equal(nameOf("prod", "/mirrorlet/test/records/channels/stable"), undefined);
});

test("the longest names are keys that engines take", () => {
  const id = `n${"x".repeat(251)}n`;
  assert.ok(keyOf("f".repeat(200), { kind: "status", id }).length < ENGINE_LIMITS.keyLength);
});

test("a fleet that is none is refused", () => {
  for (const fleet of ["", "a/b", ".", "ä"])
    assert.throws(() => keyOf(fleet, { kind: "channel", id: "x" }), TypeError);
});
