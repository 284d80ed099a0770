import assert from "node:assert/strict";
import { test } from "node:test";
import { showChanges } from "../../src/agent/show-changes.ts";
import { desired, mirror, registry } from "./desired.ts";
import { CONFIG, createTestNode } from "./test-node.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

test("a pass shows what it changed as diffs without secrets, config.toml first", async () => {
  const node = createTestNode();
  try {
    const credential = { username: "puller", password: "hunter2" };
    const state = desired(registry("gcr.io", [mirror("https://m:5000", { credential })]));
    const { changed = [] } = await node.pass(state);
    assert.equal(changed[0]?.path, CONFIG);
    const hosts = changed.find(({ path }) => path.endsWith("/gcr.io/hosts.toml"));
    assert.match(hosts?.diff ?? "", /^\+.*authorization = "\*\*\*"$/m);
    assert.doesNotMatch(JSON.stringify(changed), /hunter2|aHVudGVyMg|cHVsbGVyOmh1bnRlcjI/);
    assert.deepEqual((await node.pass(state)).changed, []);
  } finally {
    node.remove();
  }
});

test("a report tells registries whose mirrors are for digests only", async () => {
  const node = createTestNode();
  try {
    const state = desired(
      registry("gcr.io", [mirror("https://m:5000", { capabilities: ["pull"] })]),
      registry("quay.io", [mirror("https://m:5000", { capabilities: ["pull"] }), "https://second"]),
    );
    const { registries = [] } = await node.pass(state);
    assert.deepEqual(
      registries.map(({ namespace, pullOnly }) => [namespace, pullOnly]),
      [
        ["gcr.io", true],
        ["quay.io", undefined],
      ],
    );
  } finally {
    node.remove();
  }
});

test("thousands of changes and huge files stay small", () => {
  const change = (index: number, size: number) => ({
    path: `/etc/containerd/certs.d/r${index}/hosts.toml`,
    before: undefined,
    after: bytes("x = 1\n".repeat(size)),
    secret: false,
  });
  const many = showChanges(
    Array.from({ length: 5000 }, (_, index) => change(index, 10)),
    CONFIG,
  );
  assert.equal(many.length, 20);
  const [long, huge] = showChanges([change(0, 10_000), change(1, 100_000)], CONFIG);
  assert.match(long?.diff ?? "", /\n\(cut off here\)\n$/);
  assert.ok((long?.diff.length ?? 0) < 17_000);
  assert.equal(huge?.diff, "(600000 bytes, too long to compare here)\n");
});
