import assert from "node:assert/strict";
import { test } from "node:test";
import { restore } from "../../src/agent/restore.ts";
import { desired, mirror, registry } from "./desired.ts";
import { CERTS_D, CONFIG, createTestNode, type TestNode } from "./test-node.ts";

const M1 = "http://127.0.0.1:5001";
const OLD = '# mine\nversion = 2\n[plugins."io.containerd.grpc.v1.cri"]\n  sandbox_image = "x"\n';
const HOUR = 3_600_000;

async function withNode(body: (node: TestNode) => Promise<void>): Promise<void> {
  const node = createTestNode("1.7.24");
  try {
    node.write(CONFIG, OLD);
    await body(node);
  } finally {
    node.remove();
  }
}

test("a config on which containerd does not start is taken back, in containerd's words, and not tried again", async () => {
  await withNode(async (node) => {
    const before = node.snapshot();
    node.containerd.refuseStart = "containerd: failed to load plugin X: bad value";
    const report = await node.pass(desired(registry("gcr.io", [M1])));
    assert.equal(report.outcome, "rolled-back");
    assert.deepEqual(
      report.conditions.map(({ type }) => type),
      ["RolledBack", "Stalled"],
    );
    assert.match(report.conditions[0]?.message ?? "", /failed to load plugin X: bad value/);
    const { [CERTS_D]: certsD, ...after } = node.snapshot();
    assert.deepEqual(after, before, "every byte is as it was");
    assert.match(certsD ?? "", /directory/, "an empty certs.d that nobody reads may stay");
    assert.equal(node.containerd.restarts, 2, "once forward, once back");
    node.clock.advance(HOUR);
    const again = await node.pass(desired(registry("gcr.io", [M1])));
    assert.equal(again.outcome, "rejected");
    assert.ok(again.conditions.some(({ type }) => type === "RolledBack"));
    assert.equal(node.containerd.restarts, 2, "no restart loop");
  });
});

test("a changed desired state gets another try, and leaves the quarantine when it works", async () => {
  await withNode(async (node) => {
    node.containerd.refuseStart = "no";
    await node.pass(desired(registry("gcr.io", [M1])));
    node.containerd.refuseStart = undefined;
    node.clock.advance(HOUR);
    const report = await node.pass({ ...desired(registry("gcr.io", [M1])), generation: 2 });
    assert.deepEqual(
      report.conditions.map(({ type }) => type),
      ["Ready"],
    );
    assert.match(node.containerd.running ?? "", /config_path/);
  });
});

test("a failed change under a good state in force leaves that state in force, config and certs.d alike", async () => {
  await withNode(async (node) => {
    await node.pass(desired(registry("gcr.io", [M1])));
    const good = node.snapshot();
    node.clock.advance(HOUR);
    node.bearer.add("127.0.0.1:5001");
    node.containerd.restarts = 2;
    node.containerd.refuseStart = "no";
    const credential = { username: "u", password: "p" };
    const withAuth = desired({
      ...registry("gcr.io", [M1]),
      mirrors: registry("gcr.io", [M1]).mirrors.map((mirror) => ({ ...mirror, credential })),
    });
    const report = await node.pass({
      ...withAuth,
      registries: [...withAuth.registries, registry("quay.io", [M1])],
    });
    assert.equal(report.outcome, "rolled-back");
    assert.deepEqual(node.snapshot(), good);
  });
});

test("config.toml is private as long as it holds a credential of ours, and keeps its own mode otherwise", async () => {
  await withNode(async (node) => {
    const credential = { username: "u", password: "p" };
    node.bearer.add("127.0.0.1:5001");
    const plain = desired(registry("gcr.io", [M1]));
    await node.pass(plain);
    assert.match(node.snapshot()[CONFIG] ?? "", /^644 /);
    node.clock.advance(HOUR);
    const mirrors = [mirror(M1, { credential })];
    await node.pass(desired({ ...registry("gcr.io", [M1]), mirrors }));
    assert.match(node.snapshot()[CONFIG] ?? "", /^600 .*password = "p"/s);
    node.clock.advance(HOUR);
    assert.equal((await restore(node.context())).ok, true);
    assert.equal(node.snapshot()[CONFIG], `644 ${OLD}`);
  });
});

test("a canary that worked before the change and fails after it takes the change back", async () => {
  await withNode(async (node) => {
    const state = { ...desired(registry("gcr.io", [M1])), canaries: ["gcr.io/pause:3.9"] };
    const pulls: boolean[] = [true, false];
    const original = node.containerd.pullImage;
    node.containerd.pullImage = async (...args) => {
      node.containerd.failPull = pulls.shift() === false ? "pull access denied" : undefined;
      return original.apply(node.containerd, args);
    };
    const report = await node.pass(state);
    assert.equal(report.outcome, "rolled-back");
    assert.match(report.conditions[0]?.message ?? "", /canary gcr\.io\/pause:3\.9 .*pull access denied/);
    assert.equal(node.read(CONFIG), OLD);
    assert.deepEqual([...node.containerd.present], [], "no image stays that was not there before");
  });
});

test("a canary that did not work before the change says nothing about it", async () => {
  await withNode(async (node) => {
    node.containerd.failPull = "not there";
    const report = await node.pass({ ...desired(registry("gcr.io", [M1])), canaries: ["gcr.io/pause:3.9"] });
    assert.equal(report.outcome, "applied");
  });
});

test("the restart budget defers the edit, not only the restart, and nothing is lost", async () => {
  await withNode(async (node) => {
    await node.pass(desired(registry("gcr.io", [M1])));
    node.write(CONFIG, OLD);
    const deferred = await node.pass(desired(registry("gcr.io", [M1])));
    assert.equal(deferred.outcome, "deferred");
    assert.equal(node.read(CONFIG), OLD);
    assert.equal(node.containerd.restarts, 1);
    node.clock.advance((deferred.retryMs ?? 0) + 1);
    const repaired = await node.pass(desired(registry("gcr.io", [M1])));
    assert.equal(repaired.outcome, "repaired");
    assert.equal(node.containerd.restarts, 2);
  });
});

test("a desired state that flaps for ten minutes costs at most six restarts an hour", async () => {
  await withNode(async (node) => {
    for (let second = 0; second < 600; second += 1) {
      node.write(CONFIG, OLD);
      await node.pass({ ...desired(registry("gcr.io", [M1])), generation: second });
      node.clock.advance(1000);
    }
    assert.ok(node.containerd.restarts <= 6, `${node.containerd.restarts} restarts`);
    assert.ok(node.containerd.restarts >= 2);
  });
});

test("a config.toml that is being written in pieces is not edited half way", async () => {
  await withNode(async (node) => {
    const whole = `${OLD}[debug]\n  level = "info"\n`;
    const sleep = node.clock.sleep;
    node.write(CONFIG, OLD);
    const justNow = Date.now();
    Object.assign(node.clock, {
      now: () => justNow,
      async sleep(ms: number) {
        node.write(CONFIG, whole);
        return sleep(ms);
      },
    });
    const report = await node.pass(desired(registry("gcr.io", [M1])));
    assert.equal(report.outcome, "failed");
    assert.equal(node.read(CONFIG), whole);
    assert.equal(node.containerd.restarts, 0);
  });
});

test("apply --no-restart leaves the restart pending, and the next pass that may restart does it once", async () => {
  await withNode(async (node) => {
    const state = desired(registry("gcr.io", [M1]));
    const report = await node.pass(state, { mayRestart: false });
    assert.equal(node.containerd.restarts, 0);
    assert.deepEqual(
      report.conditions.map(({ type }) => type),
      ["Reconciling"],
    );
    assert.match(node.read(CONFIG) ?? "", /config_path/);
    assert.doesNotMatch(node.containerd.running ?? "", /config_path/);
    const next = await node.pass(state);
    assert.deepEqual(
      next.conditions.map(({ type }) => type),
      ["Ready"],
    );
    assert.equal(node.containerd.restarts, 1);
    await node.pass(state);
    assert.equal(node.containerd.restarts, 1);
  });
});

test("drift that comes back again and again is left alone for a while, and named", async () => {
  await withNode(async (node) => {
    const state = desired(registry("gcr.io", [M1]));
    await node.pass(state);
    const path = `${CERTS_D}/gcr.io/hosts.toml`;
    let contested = 0;
    for (let round = 0; round < 20; round += 1) {
      node.write(path, "# Owned by mirrorlet; edit the desired state instead.\n# rewritten\n");
      const report = await node.pass(state);
      if (report.conditions.some(({ type, message }) => type === "Contested" && message.includes(path)))
        contested += 1;
      else
        assert.deepEqual(
          report.drift.map((drift) => drift.path),
          [path],
        );
      node.clock.advance(10_000);
    }
    assert.ok(contested >= 10, `${contested} of 20 rounds left alone`);
    node.clock.advance(2 * HOUR);
    assert.equal((await node.pass(state)).outcome, "repaired", "not for ever");
  });
});

test("while /etc/mirrorlet/freeze exists nothing is changed", async () => {
  await withNode(async (node) => {
    node.write("/etc/mirrorlet/freeze", "");
    const before = node.snapshot();
    const report = await node.pass(desired(registry("gcr.io", [M1])));
    assert.equal(report.outcome, "frozen");
    assert.deepEqual(node.snapshot(), before);
  });
});

test("a damaged apply record is rebuilt from the node, at every cut", async () => {
  await withNode(async (node) => {
    const state = desired(registry("gcr.io", [M1]), registry("quay.io", [M1]));
    await node.pass(state);
    const after = node.snapshot();
    const path = `${node.config.stateDir}/apply-record.json`;
    const whole = node.read(path) ?? "";
    for (let cut = 0; cut < whole.length; cut += 37) {
      node.write(path, whole.slice(0, cut));
      const report = await node.pass(state);
      assert.ok(
        report.conditions.every(({ type }) => type === "Ready"),
        `cut at ${cut}`,
      );
    }
    assert.deepEqual(node.snapshot(), after);
    assert.equal(node.containerd.restarts, 1);
  });
});

test("a config.toml that is newer than the running containerd is told, and no restart is made for it", async () => {
  await withNode(async (node) => {
    const state = desired(registry("gcr.io", [M1]));
    await node.pass(state);
    node.containerd.started = 1;
    node.containerd.criConfigPath = "";
    const unread = await node.pass(state);
    assert.deepEqual(
      unread.conditions.map(({ type }) => type),
      ["Stalled"],
    );
    assert.match(
      unread.conditions[0]?.message ?? "",
      /changed after containerd started.*pulls do not go to the mirrors/,
    );
    node.containerd.criConfigPath = CERTS_D;
    assert.deepEqual((await node.pass(state)).issues, []);
    node.containerd.criConfigPath = undefined;
    const unknown = await node.pass(state);
    assert.deepEqual(
      unknown.issues.map(({ code, severity }) => [code, severity]),
      [["containerd-not-restarted", "warning"]],
    );
    node.containerd.started = Date.now() + HOUR;
    assert.deepEqual((await node.pass(state)).issues, []);
    assert.equal(node.containerd.restarts, 1);
  });
});

test("a quarantine ends when config.toml is mended, and the blame stays with what was broken before", async () => {
  await withNode(async (node) => {
    node.containerd.trouble = "no snapshotter";
    const state = desired(registry("gcr.io", [M1]));
    const report = await node.pass(state);
    assert.deepEqual(
      report.conditions.map(({ type }) => type),
      ["RolledBack", "Degraded", "Stalled"],
    );
    assert.match(
      report.conditions[0]?.message ?? "",
      /was not well before this change either.*no snapshotter/,
    );
    const restarts = node.containerd.restarts;
    for (let round = 0; round < 3; round += 1) {
      node.clock.advance(HOUR);
      assert.notEqual((await node.pass(state)).outcome, "applied");
    }
    assert.equal(node.containerd.restarts, restarts, "no restart loop");
    node.containerd.trouble = undefined;
    node.write(CONFIG, `${OLD}# mended\n`);
    assert.deepEqual(
      (await node.pass(state)).conditions.map(({ type }) => type),
      ["Ready"],
    );
    assert.match(node.containerd.running ?? "", /config_path/);
  });
});
