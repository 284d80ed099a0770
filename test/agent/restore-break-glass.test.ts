import assert from "node:assert/strict";
import { chmodSync, chownSync, statSync } from "node:fs";
import { test } from "node:test";
import { restore } from "../../src/agent/restore.ts";
import { desired, mirror, registry } from "./desired.ts";
import { CERTS_D, CONFIG, createTestNode, type TestNode } from "./test-node.ts";

const STATE = desired(registry("gcr.io", ["http://127.0.0.1:5001"]));
const OURS = `${CERTS_D}/gcr.io/hosts.toml`;
const ORIGINAL = "# mine\nversion = 2\n";

async function withNode(original: string, body: (node: TestNode) => Promise<void>): Promise<void> {
  const node = createTestNode(original.includes("version = 3") ? "2.1.9" : "1.7.24");
  try {
    node.write(CONFIG, original);
    await body(node);
  } finally {
    node.remove();
  }
}

/** Puts a desired state in force, and brings containerd to the state that somebody breaks the glass in. */
async function applied(node: TestNode): Promise<void> {
  await node.pass(STATE);
  assert.match(node.read(CONFIG) ?? "", /config_path/);
  node.containerd.restarts = 2;
}

test("containerd that is not well after restore: it is told, the files stay restored, nothing comes again", async () => {
  await withNode(ORIGINAL, async (node) => {
    await applied(node);
    node.containerd.restart = async () => {
      node.containerd.restarts += 1;
      return { ok: false, message: "exec format error, password = hunter2" };
    };
    const result = await restore(node.context());
    assert.equal(result.ok, false);
    const message = result.ok ? "" : result.message;
    assert.match(message, /back as it was before mirrorlet, but containerd is not well.*exec format error/);
    assert.doesNotMatch(message, /hunter2/);
    assert.equal(node.containerd.restarts, 3, "one restart, no other way back");
    assert.equal(node.read(CONFIG), ORIGINAL);
    assert.equal(node.read(OURS), undefined);
    assert.deepEqual((await node.context().state.loadRecord()).record.digest, undefined);
    assert.deepEqual(await restore(node.context()), { ok: true, done: [], restartNeeded: false });
  });
});

for (const original of [ORIGINAL, "version = 3\n", "# none\n"])
  for (const knows of [true, false])
    test(`no binary, record ${knows ? "knows" : "does not know"} the version: ${JSON.stringify(original)} comes back`, async () => {
      await withNode(original, async (node) => {
        await applied(node);
        const { state } = node.context();
        const { containerdVersion, ...record } = (await state.loadRecord()).record;
        assert.notEqual(containerdVersion, undefined);
        if (!knows) await state.saveRecord(record);
        node.containerd.version = async () => undefined;
        assert.equal((await restore(node.context())).ok, true);
        assert.equal(node.read(CONFIG), original);
      });
    });

test("no binary: what others changed in config.toml stays", async () => {
  await withNode(ORIGINAL, async (node) => {
    await applied(node);
    node.write(CONFIG, `${node.read(CONFIG)}[debug]\n  level = "debug"\n`);
    await node.pass(STATE);
    node.containerd.version = async () => undefined;
    assert.equal((await restore(node.context())).ok, true);
    assert.equal(node.read(CONFIG), `${ORIGINAL}\n[debug]\n  level = "debug"\n`);
  });
});

test("a config.toml that is broken gives way to the original, and is kept", async () => {
  await withNode(ORIGINAL, async (node) => {
    await applied(node);
    node.write(CONFIG, "[[[\n");
    assert.equal((await restore(node.context())).ok, true);
    assert.equal(node.read(CONFIG), ORIGINAL);
    assert.equal(node.snapshot()[`${CONFIG}.before-restore`], "600 [[[\n");
  });
});

test("--no-restart: the files are restored and the restart is asked for", async () => {
  await withNode(ORIGINAL, async (node) => {
    await applied(node);
    const result = await restore(node.context({ mayRestart: false }));
    assert.equal(result.ok && result.restartNeeded, true);
    assert.equal(node.containerd.restarts, 2);
    assert.equal(node.read(CONFIG), ORIGINAL);
    assert.equal(node.read(OURS), undefined);
  });
});

test("an adopted file comes back with its owner and mode", { skip: process.getuid?.() !== 0 }, async () => {
  await withNode(ORIGINAL, async (node) => {
    node.write(OURS, "# theirs\n");
    chownSync(`${node.root}${OURS}`, 1234, 5678);
    chmodSync(`${node.root}${OURS}`, 0o640);
    await node.pass(STATE, { adopt: true });
    assert.equal((await restore(node.context())).ok, true);
    const { uid, gid, mode } = statSync(`${node.root}${OURS}`);
    assert.deepEqual([uid, gid, mode & 0o7777, node.read(OURS)], [1234, 5678, 0o640, "# theirs\n"]);
  });
});

test("an adopted file that somebody else has written over since is theirs", async () => {
  await withNode(ORIGINAL, async (node) => {
    node.write(OURS, "# theirs\n");
    await node.pass(STATE, { adopt: true });
    node.write(OURS, "# newer\n");
    assert.equal((await restore(node.context())).ok, true);
    assert.equal(node.read(OURS), "# newer\n");
  });
});

test("restore takes leftovers away: a candidate of config.toml, and the tree that certs_d named before", async () => {
  await withNode(ORIGINAL, async (node) => {
    const credential = { username: "u", password: "p" };
    await node.pass(desired(registry("gcr.io", [mirror("https://m.example", { credential })])));
    node.write(`${CONFIG}.mirrorlet-candidate`, "password", 0o600);
    const { config } = node;
    const moved = { ...config, containerd: { ...config.containerd, certsD: "/etc/containerd/elsewhere" } };
    assert.equal((await restore(node.context({ config: moved }))).ok, true);
    assert.equal(node.read(`${CONFIG}.mirrorlet-candidate`), undefined);
    assert.equal(node.read(OURS), undefined);
  });
});
