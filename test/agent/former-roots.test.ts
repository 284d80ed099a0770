import assert from "node:assert/strict";
import { rmSync, symlinkSync } from "node:fs";
import { test } from "node:test";
import type { PassContext } from "../../src/agent/pass-context.ts";
import { desired, mirror, registry } from "./desired.ts";
import { CERTS_D, CONFIG, createTestNode, type TestNode } from "./test-node.ts";

const ELSEWHERE = "/etc/containerd/elsewhere";
const HOUR = 3_700_000;
const credential = { username: "u", password: "p" };
const STATE = desired(registry("gcr.io", [mirror("https://m.example", { credential })], "never"));

async function withNode(body: (node: TestNode) => Promise<void>): Promise<void> {
  const node = createTestNode("1.7.24");
  try {
    node.write(CONFIG, "version = 2\n");
    await node.pass(STATE);
    node.clock.advance(HOUR);
    await body(node);
  } finally {
    node.remove();
  }
}

function moved(node: TestNode): Partial<PassContext> {
  return { config: { ...node.config, containerd: { ...node.config.containerd, certsD: ELSEWHERE } } };
}

const OLD = `${CERTS_D}/gcr.io/hosts.toml`;
const NEW = `${ELSEWHERE}/gcr.io/hosts.toml`;

test("a changed certs_d leaves nothing of ours in the old tree, and everything of others", async () => {
  await withNode(async (node) => {
    node.write(`${CERTS_D}/quay.io/hosts.toml`, "# theirs\n");
    await node.pass(STATE, moved(node));
    assert.match(node.read(NEW) ?? "", /authorization/);
    assert.equal(node.read(OLD), undefined);
    assert.equal(node.read(`${CERTS_D}/quay.io/hosts.toml`), "# theirs\n");
    assert.equal((await node.pass(STATE, moved(node))).outcome, "unchanged");
  });
});

test("the old tree stays while containerd reads it, and is not forgotten", async () => {
  await withNode(async (node) => {
    await node.pass(STATE, { ...moved(node), mayRestart: false });
    assert.match(node.read(OLD) ?? "", /authorization/, "the restart is pending");
    await node.pass(STATE, moved(node));
    assert.equal(node.read(OLD), undefined);
    assert.match(node.containerd.running ?? "", /elsewhere/);
  });
});

test("the old tree stays when the switch fails, and goes when a later one works", async () => {
  await withNode(async (node) => {
    node.containerd.restarts = 2;
    node.containerd.refuseStart = "bad value";
    assert.equal((await node.pass(STATE, moved(node))).outcome, "rolled-back");
    node.clock.advance(HOUR);
    await node.pass(STATE, moved(node));
    assert.match(node.read(OLD) ?? "", /authorization/);
    node.containerd.refuseStart = undefined;
    node.clock.advance(HOUR);
    await node.pass(STATE, { ...moved(node), retryQuarantined: true });
    assert.equal(node.read(OLD), undefined);
  });
});

test("the old tree under another name is the tree of now", async () => {
  await withNode(async (node) => {
    symlinkSync("certs.d", `${node.root}${ELSEWHERE}`);
    await node.pass(STATE, moved(node));
    assert.match(node.read(NEW) ?? "", /authorization/);
    rmSync(`${node.root}${ELSEWHERE}`);
  });
});
