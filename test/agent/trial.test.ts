import assert from "node:assert/strict";
import { test } from "node:test";
import type { UnitState } from "../../src/agent/ports.ts";
import type { PassReport } from "../../src/agent/report.ts";
import { TRIAL_MS, TRIAL_POLL_MS } from "../../src/agent/trial.ts";
import { desired, mirror, registry } from "./desired.ts";
import { CERTS_D, CONFIG, createTestNode, type TestNode } from "./test-node.ts";

const M1 = "http://127.0.0.1:5001";
const OLD = '# mine\nversion = 2\n[plugins."io.containerd.grpc.v1.cri"]\n  sandbox_image = "x"\n';
const HOUR = 3_600_000;
const STATE = desired(registry("gcr.io", [M1]));
const RUNNING: UnitState = { is: "running", restarts: 0 };

const types = ({ conditions }: PassReport) => conditions.map(({ type }) => type);

async function withNode(body: (node: TestNode) => Promise<void>): Promise<void> {
  const node = createTestNode("1.7.24");
  try {
    node.write(CONFIG, OLD);
    node.containerd.unit = RUNNING;
    await body(node);
  } finally {
    node.remove();
  }
}

for (const [how, unit] of [
  ["is started again by systemd", { is: "running", restarts: 1, message: "its words" }],
  ["waits for systemd to start it", { is: "dying", restarts: 0, message: "its words" }],
  ["is given up by systemd", { is: "failed", restarts: 0, message: "its words" }],
] as const)
  test(`a containerd that ends by itself after the gate and ${how}: the change is taken back once, and told`, async () => {
    await withNode(async (node) => {
      const before = node.snapshot();
      const first = await node.pass(STATE);
      assert.deepEqual(types(first), ["Ready"]);
      assert.equal(first.retryMs, TRIAL_POLL_MS);
      node.clock.advance(70_000);
      node.containerd.unit = unit;
      const report = await node.pass(STATE);
      assert.ok(types(report).includes("RolledBack"), JSON.stringify(report));
      const { message } = report.conditions.find(({ type }) => type === "RolledBack") ?? { message: "" };
      assert.match(message, /within 70 s of that it ended by itself: its words/);
      const { [CERTS_D]: _certsD, ...after } = node.snapshot();
      assert.deepEqual(after, before);
      assert.equal(node.containerd.restarts, 2, "once forward, once back");
      for (let round = 0; round < 5; round += 1) {
        node.clock.advance(HOUR);
        assert.ok(types(await node.pass(STATE)).includes("RolledBack"));
      }
      assert.equal(node.containerd.restarts, 2, "no loop");
    });
  });

test("a change over a good state: that one is back in force, its record and its last good state, too", async () => {
  await withNode(async (node) => {
    await node.pass(STATE);
    node.clock.advance(HOUR);
    const good = node.snapshot();
    node.bearer.add("127.0.0.1:5001");
    const mirrors = [mirror(M1, { credential: { username: "u", password: "p" } })];
    const bad = desired({ ...registry("gcr.io", [M1]), mirrors }, registry("quay.io", [M1]));
    assert.deepEqual(types(await node.pass(bad)), ["Ready"]);
    assert.match(node.read(CONFIG) ?? "", /password/);
    node.containerd.unit = { is: "dying", restarts: 0 };
    assert.ok(types(await node.pass(bad)).includes("RolledBack"));
    assert.deepEqual(node.snapshot(), good);
    node.containerd.unit = RUNNING;
    const broken = await node.pass("cannot be read");
    assert.equal(broken.observedGeneration, STATE.generation);
    assert.deepEqual(node.snapshot(), good);
    assert.equal(node.containerd.restarts, 3);
  });
});

test("a state that came after the change with certs.d alone stands on it, and goes with it", async () => {
  await withNode(async (node) => {
    await node.pass(STATE);
    const newer = { ...desired(registry("gcr.io", [M1]), registry("quay.io", [M1])), generation: 2 };
    assert.deepEqual(types(await node.pass(newer)), ["Ready"]);
    node.containerd.unit = { is: "dying", restarts: 0 };
    await node.pass(newer);
    node.containerd.unit = RUNNING;
    node.clock.advance(HOUR);
    assert.ok(types(await node.pass(newer)).includes("RolledBack"));
    assert.equal(node.read(CONFIG), OLD);
    assert.equal(node.containerd.restarts, 2, "no other try of what failed");
  });
});

for (const [what, unit] of [
  ["restarts it", RUNNING],
  ["stops it", { is: "stopped", restarts: 0 }],
  ["is restarting it", { is: "changing", restarts: 0 }],
] as const)
  test(`somebody else ${what} after the gate: that is not held against the change`, async () => {
    await withNode(async (node) => {
      await node.pass(STATE);
      node.containerd.unit = unit;
      if (unit.is !== "running") node.containerd.trouble = "it does not answer";
      for (let passed = 0; passed < TRIAL_MS; passed += 10_000) {
        await node.pass(STATE);
        node.clock.advance(10_000);
      }
      assert.equal(node.containerd.restarts, 1);
      assert.match(node.read(CONFIG) ?? "", /config_path/);
    });
  });

test("once the trial is over nothing is held against the change, nor after a reboot, or what others have changed", async () => {
  for (const later of [
    (node: TestNode) => node.clock.advance(TRIAL_MS),
    (node: TestNode) => Object.assign(node.clock, { bootId: "boot-2" }),
    (node: TestNode) => node.write(CONFIG, `${node.read(CONFIG)}# theirs\n`),
  ])
    await withNode(async (node) => {
      await node.pass(STATE);
      later(node);
      node.containerd.unit = { is: "running", restarts: 3 };
      await node.pass(STATE);
      assert.equal(node.containerd.restarts, 1);
    });
});

test("a containerd that does not answer is given half a minute, and no more", async () => {
  await withNode(async (node) => {
    await node.pass(STATE);
    const sick = async (ms: number): Promise<void> => {
      node.containerd.trouble = "it is stuck";
      for (let passed = 0; passed < ms; passed += 2_000) {
        await node.pass(STATE);
        node.clock.advance(2_000);
      }
      node.containerd.trouble = undefined;
    };
    await sick(20_000);
    await node.pass(STATE);
    await sick(20_000);
    await node.pass(STATE);
    assert.equal(node.containerd.restarts, 1);
    await sick(40_000);
    assert.equal(node.read(CONFIG), OLD);
    assert.match(
      JSON.stringify((await node.pass(STATE)).conditions),
      /has not been well for 30 s: .*it is stuck/,
    );
  });
});

test("another change waits for the end of the trial", async () => {
  await withNode(async (node) => {
    await node.pass(STATE);
    node.clock.advance(90_000);
    node.bearer.add("127.0.0.1:5001");
    const mirrors = [mirror(M1, { credential: { username: "u", password: "p" } })];
    const next = desired({ ...registry("gcr.io", [M1]), mirrors });
    assert.equal((await node.pass(next)).outcome, "deferred");
    assert.equal(node.containerd.restarts, 1);
    node.clock.advance(30_000);
    assert.deepEqual(types(await node.pass(next)), ["Ready"]);
    assert.equal(node.containerd.restarts, 2);
  });
});

test("what nobody could ask is not taken back: it is asked again, and judged then", async () => {
  for (const isWell of [true, false])
    await withNode(async (node) => {
      const { containerd } = node;
      const restart = containerd.restart.bind(containerd);
      containerd.restart = async (signal) => {
        containerd.isOutOfReach = containerd.restarts === 0;
        return restart(signal);
      };
      for (let round = 0; round < 3; round += 1) {
        const report = await node.pass(STATE);
        assert.equal(report.outcome, "failed");
        assert.match(report.conditions[0]?.message ?? "", /whether it is well is not known/);
        assert.match(node.read(CONFIG) ?? "", /config_path/);
      }
      containerd.isOutOfReach = false;
      if (!isWell) containerd.trouble = "no CRI";
      const report = await node.pass(STATE);
      assert.deepEqual(types(report)[0], isWell ? "Ready" : "Stalled");
      assert.equal(containerd.restarts, isWell ? 1 : 2);
      assert.equal(node.read(CONFIG)?.includes("config_path"), isWell);
    });
});

test("when the trial is over nothing is kept to take the change back, and the record has none", async () => {
  await withNode(async (node) => {
    await node.pass(STATE);
    node.clock.advance(HOUR);
    await node.pass(STATE);
    node.bearer.add("127.0.0.1:5001");
    const mirrors = [mirror(M1, { credential: { username: "u", password: "p" } })];
    await node.pass(desired({ ...registry("gcr.io", [M1]), mirrors }));
    const kept = () => node.read("/var/lib/mirrorlet/rollback/last-known-good.json");
    assert.notEqual(kept(), undefined);
    node.clock.advance(TRIAL_MS);
    await node.pass(desired({ ...registry("gcr.io", [M1]), mirrors }));
    assert.equal(kept(), undefined);
  });
});
