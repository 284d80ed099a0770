import assert from "node:assert/strict";
import { renameSync } from "node:fs";
import { test } from "node:test";
import type { PassReport } from "../../src/agent/report.ts";
import { desired, registry } from "./desired.ts";
import { CERTS_D, CONFIG, createTestNode, type TestNode } from "./test-node.ts";

const M1 = "http://127.0.0.1:5001";
const OTHER = "/etc/containerd/hosts.d";
const DOCKER = "/etc/docker/certs.d";
const BY_HAND = 'server = "https://quay.io"\n[host."https://by-hand.example"]\n';

async function withRoots(
  version: string,
  configPath: string,
  body: (node: TestNode) => Promise<void>,
): Promise<void> {
  const node = createTestNode(version);
  const plugin = version.startsWith("1.") ? "io.containerd.grpc.v1.cri" : "io.containerd.cri.v1.images";
  const schema = version.startsWith("1.") ? 2 : 3;
  const text = `version = ${schema}\n[plugins."${plugin}".registry]\n  config_path = "${configPath}"\n`;
  try {
    node.write(CONFIG, text);
    await body(node);
  } finally {
    node.remove();
  }
}

function conditions({ conditions }: PassReport): string {
  return conditions.map(({ type, message }) => `${type}: ${message}`).join("\n");
}

for (const [version, configPath, root] of [
  ["1.7.24", OTHER, OTHER],
  ["2.1.9", OTHER, OTHER],
  ["2.1.9", `${OTHER}/`, OTHER],
  ["1.7.24", `${CERTS_D}:${DOCKER}`, DOCKER],
  ["1.7.24", `${DOCKER}:${CERTS_D}`, DOCKER],
] as const)
  for (const [what, file] of [
    ["a hosts.toml", "hosts.toml"],
    ["Docker's certificates", "ca.crt"],
  ] as const)
    test(`config_path stays while ${what} counts elsewhere: "${configPath}" on ${version}`, async () => {
      await withRoots(version, configPath, async (node) => {
        const before = node.read(CONFIG);
        node.write(`${root}/quay.io/${file}`, BY_HAND);
        const state = desired(registry("gcr.io", [M1]));
        for (const report of [await node.pass(state), await node.pass(state)]) {
          assert.equal(node.read(CONFIG), before);
          assert.equal(node.containerd.restarts, 0);
          assert.match(conditions(report), /^Stalled: quay\.io: .*quay\.io is in force now/);
          assert.match(conditions(report), new RegExp(`certs_d = "${root}" in agent.toml`));
          assert.equal(report.inSync, false);
        }
        const { conditions: told, restarts } = await node.dryRun(state);
        assert.match(told[0]?.message ?? "", /quay\.io is in force now/);
        assert.equal(restarts, false);
        node.write(`${CERTS_D}/.keep`, "");
        renameSync(`${node.root}${root}/quay.io`, `${node.root}${CERTS_D}/quay.io`);
        assert.match(conditions(await node.pass(state)), /^Ready/, "moved, it counts again");
        assert.match(node.read(CONFIG) ?? "", new RegExp(`config_path = "${CERTS_D}"`));
      });
    });

test("what an old root says is no obstacle where the desired state or certs_d says it too, or it says nothing", async () => {
  await withRoots("1.7.24", OTHER, async (node) => {
    node.write(`${OTHER}/quay.io/hosts.toml`, BY_HAND);
    node.write(`${CERTS_D}/quay.io/hosts.toml`, BY_HAND);
    node.write(`${OTHER}/gcr.io/hosts.toml`, BY_HAND);
    node.write(`${OTHER}/127.0.0.1_5000_/hosts.toml`, BY_HAND);
    node.write(`${OTHER}/docker.io/README`, "nothing");
    node.write(`${OTHER}/lost+found/hosts.toml`, BY_HAND);
    const report = await node.pass(desired(registry("gcr.io", [M1]), registry("127.0.0.1:5000", [M1])));
    assert.match(conditions(report), /^Ready/);
    assert.match(node.containerd.running ?? "", new RegExp(`config_path = "${CERTS_D}"`));
  });
});

test("a _default elsewhere is lost unless * is wanted", async () => {
  await withRoots("1.7.24", OTHER, async (node) => {
    node.write(`${OTHER}/_default/hosts.toml`, BY_HAND);
    const one = registry("gcr.io", [M1]);
    const report = await node.pass(desired(one));
    assert.match(conditions(report), /^Stalled: \*: .*every host without a directory of its own/);
    assert.match(conditions(await node.pass(desired(one, registry("*", [M1])))), /^Ready/);
  });
});

test("_default of ours does not hide the directories of a second root that stays in force", async () => {
  await withRoots("1.7.24", `${CERTS_D}:${DOCKER}`, async (node) => {
    node.write(`${DOCKER}/quay.io/hosts.toml`, BY_HAND);
    const state = desired(registry("*", [M1]), registry("gcr.io", [M1]));
    const report = await node.pass(state);
    assert.match(conditions(report), /\*: .*_default is not created until then/);
    assert.equal(node.read(`${CERTS_D}/_default/hosts.toml`), undefined);
    assert.notEqual(node.read(`${CERTS_D}/gcr.io/hosts.toml`), undefined);
    assert.match(conditions(await node.pass(state)), /^Stalled/);
  });
});

test("a list that the transfer service never read loses nothing: a warning", async () => {
  await withRoots("2.1.9", `${CERTS_D}:${DOCKER}`, async (node) => {
    node.write(`${DOCKER}/quay.io/hosts.toml`, BY_HAND);
    const report = await node.pass(desired(registry("gcr.io", [M1])));
    assert.match(conditions(report), /^Ready/);
    const warning = report.issues.find(({ code }) => code === "containerd-root-unread");
    assert.match(warning?.message ?? "", /\/etc\/docker\/certs\.d speaks for quay\.io/);
    assert.match(node.containerd.running ?? "", new RegExp(`config_path = "${CERTS_D}"`));
  });
});

test("a root that is a file, or missing, is no obstacle", async () => {
  await withRoots("2.1.9", OTHER, async (node) => {
    node.write(OTHER, "a file");
    assert.match(conditions(await node.pass(desired(registry("gcr.io", [M1])))), /^Ready/);
  });
});
