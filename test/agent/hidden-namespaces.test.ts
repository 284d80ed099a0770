import assert from "node:assert/strict";
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { test } from "node:test";
import type { PassReport } from "../../src/agent/report.ts";
import { desired, registry } from "./desired.ts";
import { CERTS_D, CONFIG, createTestNode, type TestNode } from "./test-node.ts";

const M1 = "http://127.0.0.1:5001";
const UPSTREAM = "https://quay.io/v2";
const CA = ["-----BEGIN CERTIFICATE-----", "MAA=", "-----END CERTIFICATE-----", ""].join("\n");
const DIRECTORY = `${CERTS_D}/quay.io`;

async function withNode(body: (node: TestNode) => Promise<void>): Promise<void> {
  const node = createTestNode("2.1.9");
  try {
    node.write(CONFIG, "version = 3\n");
    await body(node);
  } finally {
    node.remove();
  }
}

function conditions({ conditions }: PassReport): string {
  return conditions.map(({ type, message }) => `${type}: ${message}`).join("\n");
}

const bare: readonly (readonly [string, (node: TestNode) => void])[] = [
  ["empty", (node) => mkdirSync(`${node.root}${DIRECTORY}`, { recursive: true })],
  ["with a CA alone", (node) => node.write(`${DIRECTORY}/ca.crt`, CA)],
  [
    "with a hosts.toml that leads nowhere",
    (node) => {
      mkdirSync(`${node.root}${DIRECTORY}`, { recursive: true });
      symlinkSync("nowhere", `${node.root}${DIRECTORY}/hosts.toml`);
    },
  ],
];

for (const [what, make] of bare) {
  test(`*: never is not in force while a directory ${what} hides it`, async () => {
    await withNode(async (node) => {
      make(node);
      const state = desired(registry("*", [M1], "never"));
      const report = await node.pass(state);
      assert.deepEqual(await node.hostsFor("quay.io"), [UPSTREAM]);
      assert.match(conditions(report), /^Stalled: quay\.io: .*certs\.d\/quay\.io has no hosts\.toml/);
      assert.deepEqual(await node.hostsFor("ghcr.io"), [`${M1}/v2`], "elsewhere it is");
      rmSync(`${node.root}${DIRECTORY}`, { recursive: true });
      assert.match(conditions(await node.pass(state)), /^Ready/);
      assert.deepEqual(await node.hostsFor("quay.io"), [`${M1}/v2`]);
    });
  });

  test(`*: allow warns of a directory ${what} that hides it`, async () => {
    await withNode(async (node) => {
      make(node);
      const report = await node.pass(desired(registry("*", [M1])));
      assert.match(conditions(report), /^Ready/);
      const warning = report.issues.find(({ code }) => code === "containerd-directory-hides-default");
      assert.match(warning?.message ?? "", /pulls of quay\.io go to its upstream/);
    });
  });
}

test("a registry that goes does not open its upstream because files of others keep its directory", async () => {
  await withNode(async (node) => {
    const all = registry("*", [M1], "never");
    await node.pass(desired(all, registry("quay.io", [M1], "never")));
    node.write(`${DIRECTORY}/ca.crt`, CA);
    for (const report of [await node.pass(desired(all)), await node.pass(desired(all))]) {
      assert.match(conditions(report), /^Stalled: quay\.io: .*it is left as it is/);
      assert.deepEqual(await node.hostsFor("quay.io"), [`${M1}/v2`]);
    }
    rmSync(`${node.root}${DIRECTORY}/ca.crt`);
    assert.match(conditions(await node.pass(desired(all))), /^Ready/);
    assert.equal(node.read(`${DIRECTORY}/hosts.toml`), undefined);
    assert.deepEqual(await node.hostsFor("quay.io"), [`${M1}/v2`]);
  });
});

test("*: allow: what stays behind after a removal is told", async () => {
  await withNode(async (node) => {
    const all = registry("*", [M1]);
    await node.pass(desired(all, registry("quay.io", [M1])));
    node.write(`${DIRECTORY}/ca.crt`, CA);
    for (const report of [await node.pass(desired(all)), await node.pass(desired(all))]) {
      assert.match(conditions(report), /^Ready/);
      assert.ok(report.issues.some(({ code }) => code === "containerd-directory-hides-default"));
      assert.deepEqual(await node.hostsFor("quay.io"), [UPSTREAM]);
    }
  });
});

test("a hosts.toml of somebody else is a wish: *: never warns of it", async () => {
  for (const [upstream, codes] of [
    ["never", ["containerd-directory-beside-default"]],
    ["allow", []],
  ] as const)
    await withNode(async (node) => {
      node.write(`${DIRECTORY}/hosts.toml`, 'server = "https://quay.io"\n[host."https://by-hand.example"]\n');
      const report = await node.pass(desired(registry("*", [M1], upstream)));
      assert.match(conditions(report), /^Ready/);
      assert.deepEqual(
        report.issues.map(({ code }) => code),
        codes,
      );
    });
});

test("directories that no image can name, that are named, or that say what ours say hide nothing", async () => {
  await withNode(async (node) => {
    const state = desired(registry("*", [M1], "never"), registry("gcr.io", [M1]));
    await node.pass(state);
    mkdirSync(`${node.root}${CERTS_D}/lost+found`);
    mkdirSync(`${node.root}${CERTS_D}/backup`);
    symlinkSync("_default", `${node.root}${CERTS_D}/ghcr.io`);
    symlinkSync("nowhere", `${node.root}${CERTS_D}/quay.io`);
    const report = await node.pass(state);
    assert.match(conditions(report), /^Ready/);
    assert.deepEqual(report.issues, []);
  });
});
