import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { FREEZE_PATH } from "../../src/agent/pass-results.ts";
import { desired, registry } from "./desired.ts";
import { CONFIG, createTestNode, type TestNode } from "./test-node.ts";

function untouched(t: TestContext): TestNode {
  const node = createTestNode("1.7.24");
  t.after(() => node.remove());
  node.write(CONFIG, "version = 2\n");
  return node;
}

const STATE = desired(registry("gcr.io", ["http://127.0.0.1:5001"]));

test("a restart waits until no pod is being made, and config.toml with it", async (t) => {
  const node = untouched(t);
  const before = node.read(CONFIG);
  let asked = 0;
  node.containerd.pods = () => {
    assert.deepEqual([node.containerd.restarts, node.read(CONFIG)], [0, before]);
    asked++;
    return asked < 4 ? ["default/web-1"] : [];
  };
  assert.equal((await node.pass(STATE)).outcome, "applied");
  assert.deepEqual([node.containerd.restarts, asked], [1, 4]);
});

test("half a minute at most", async (t) => {
  const node = untouched(t);
  node.containerd.pods = () => ["default/web-1"];
  const fromMs = node.clock.uptimeMs();
  assert.equal((await node.pass(STATE)).outcome, "applied");
  assert.equal(node.containerd.restarts, 1);
  assert.ok(node.clock.uptimeMs() - fromMs >= 30_000);
  assert.ok(node.clock.uptimeMs() - fromMs < 60_000);
});

test("apply --no-restart waits for nobody; what it has left does", async (t) => {
  const node = untouched(t);
  let asked = 0;
  node.containerd.pods = () => (++asked % 2 === 1 ? ["default/web-1"] : []);
  await node.pass(STATE, { mayRestart: false });
  assert.deepEqual([node.containerd.restarts, asked], [0, 0]);
  await node.pass(STATE);
  assert.deepEqual([node.containerd.restarts, asked], [1, 2]);
});

test("who freezes the node meanwhile is spared the restart, and the edit of config.toml", async (t) => {
  const node = untouched(t);
  const before = node.read(CONFIG);
  let asked = 0;
  node.containerd.pods = () => {
    if (++asked === 3) node.write(FREEZE_PATH, "");
    return ["default/web-1"];
  };
  const { outcome, conditions } = await node.pass(STATE);
  assert.deepEqual([outcome, conditions.map(({ type }) => type)], ["frozen", ["Frozen"]]);
  assert.deepEqual([node.containerd.restarts, node.read(CONFIG)], [0, before]);
  rmSync(join(node.root, FREEZE_PATH));
  node.containerd.pods = () => [];
  assert.equal((await node.pass(STATE)).outcome, "applied");
  assert.equal(node.containerd.restarts, 1);
});

test("nor does what waits for its restart have it", async (t) => {
  const node = untouched(t);
  await node.pass(STATE, { mayRestart: false });
  node.containerd.pods = () => {
    node.write(FREEZE_PATH, "");
    return ["default/web-1"];
  };
  assert.equal((await node.pass(STATE)).outcome, "frozen");
  assert.equal(node.containerd.restarts, 0);
});
