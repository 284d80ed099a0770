import assert from "node:assert/strict";
import { statSync, truncateSync } from "node:fs";
import { type TestContext, test } from "node:test";
import type { PassContext } from "../../src/agent/pass-context.ts";
import { type Files, HostError } from "../../src/agent/ports.ts";
import { restore } from "../../src/agent/restore.ts";
import { createStateDirectory } from "../../src/agent/state-directory.ts";
import { createWitnessKeeper } from "../../src/agent/witness-keeper.ts";
import { witnessKeys } from "../../src/host/witness-keys.ts";
import { desired, registry } from "./desired.ts";
import { CERTS_D, createTestNode, type TestNode } from "./test-node.ts";

const WITNESS = "https://127.0.0.1:478/witness";
const MIRROR = "http://127.0.0.1:5001";
const GCR = `${CERTS_D}/gcr.io/hosts.toml`;

function nodeFor(context: TestContext, version?: string): TestNode {
  const node = createTestNode(version);
  context.after(() => node.remove());
  return node;
}

function identityFile(node: TestNode): string {
  return `${node.config.stateDir}/witness.json`;
}

for (const version of ["1.6.20", "1.7.24", "2.1.9", "2.3.4"])
  test(`converges with a witness after the mirrors, and back without, no restart: containerd ${version}`, async (context) => {
    const node = nodeFor(context, version);
    const state = desired(
      registry("gcr.io", [MIRROR]),
      registry("shut.io", [MIRROR], "never"),
      registry("*", [MIRROR]),
      registry("localhost:5000", [MIRROR]),
    );
    await node.pass(state);
    const before = node.snapshot();
    const { restarts } = node.containerd;
    const witness = node.witness();
    assert.equal((await node.pass(state, { witness })).outcome, "applied");
    assert.deepEqual(await node.hostsFor("gcr.io"), [`${MIRROR}/v2`, WITNESS, "https://gcr.io/v2"]);
    assert.deepEqual(await node.hostsFor("shut.io"), [`${MIRROR}/v2`, WITNESS]);
    assert.deepEqual(await node.hostsFor("other.io"), [`${MIRROR}/v2`, WITNESS, "https://other.io/v2"]);
    const [, , local] = await node.hostsFor("localhost:5000");
    assert.match(local ?? "", /^https?:\/\/localhost:5000\/v2$/);
    const pem = /ca = "(witness-[0-9a-f]{12}\.pem)"/.exec(node.read(GCR) ?? "")?.[1];
    assert.match(node.read(`${CERTS_D}/gcr.io/${pem}`) ?? "", /^# Owned by mirrorlet.*\n-----BEGIN CERT/);

    const after = node.snapshot();
    assert.equal((await node.pass(state, { witness })).outcome, "unchanged");
    assert.equal(
      (await node.pass(state, { witness: node.witness() })).outcome,
      "unchanged",
      "another process",
    );
    assert.deepEqual(node.snapshot(), after);

    await node.pass(state);
    assert.deepEqual(node.snapshot(), before, "opted out, nothing of it is left");
    assert.equal(node.containerd.restarts, restarts);
  });

test("the identity is made once, for this node alone, and for root's eyes", async (context) => {
  const node = nodeFor(context);
  const made = await node.witness().keep();
  const { mode } = statSync(`${node.root}${identityFile(node)}`);
  assert.equal(mode & 0o777, 0o600);
  assert.deepEqual(await node.witness().keep(), made);
  assert.deepEqual(await node.witness().foresee(), { identity: made, isNew: false });
  const other = await nodeFor(context).witness().keep();
  assert.notEqual(other?.key, made?.key);
});

test("dry run is the same code: it foresees a witness, and leaves no identity behind", async (context) => {
  const node = nodeFor(context);
  const state = desired(registry("gcr.io", [MIRROR]));
  await node.pass(state);
  const before = node.snapshot();
  const witness = node.witness();
  const plan = await node.dryRun(state, { witness });
  assert.equal(node.read(identityFile(node)), undefined);
  assert.deepEqual(node.snapshot(), before);
  assert.match(
    plan.diffs.map(({ diff }) => diff).join("\n"),
    /\+\[host\."https:\/\/127\.0\.0\.1:478\/witness"\]/,
  );
  const report = await node.pass(state, { witness });
  const told = JSON.stringify(plan);
  assert.doesNotMatch(told, /witness-[0-9a-f]{12}/, "what it will be is not known yet");
  assert.doesNotMatch(told, /BEGIN CERTIFICATE/);
  assert.match(told, /the certificate of this node's witness, which is made when this is applied/);
  assert.deepEqual(
    report.done.map((text) => text.replace(/witness-[0-9a-f]{12}/, "witness-…")),
    plan.steps.map(({ text }) => text),
  );
  node.write(GCR, `${node.read(GCR)}# drift\n`);
  const { diffs } = await node.dryRun(state, { witness: node.witness() });
  assert.match(diffs[0]?.diff ?? "", /witness-[0-9a-f]{12}\.pem/, "the one it has is told");
});

test("an image of nodes gets no witness, and a node behind a root keeps the one it has", async (context) => {
  const node = nodeFor(context);
  const state = desired(registry("gcr.io", [MIRROR]));
  const image = () => ({ witness: node.witness("127.0.0.1", false) });
  const plan = await node.dryRun(state, image());
  assert.doesNotMatch(JSON.stringify(plan), /witness/);
  await node.pass(state, image());
  assert.equal(node.read(identityFile(node)), undefined);
  assert.doesNotMatch(node.read(GCR) ?? "", /witness/);
  await node.pass(state, { witness: node.witness() });
  assert.match(node.read(GCR) ?? "", /witness/);
  assert.equal((await node.pass(state, image())).outcome, "unchanged");
});

test("an identity that is damaged, or of another address, is made anew", async (context) => {
  const node = nodeFor(context);
  const path = `${node.root}${identityFile(node)}`;
  const first = await node.witness().keep();
  const moved = await node.witness("127.0.0.2").keep();
  assert.notEqual(moved?.key, first?.key);
  assert.deepEqual(await node.witness("127.0.0.2").keep(), moved);
  truncateSync(path, 300);
  const whole = await node.witness("127.0.0.2").keep();
  assert.notEqual(whole?.key, moved?.key);
  const text = node.read(identityFile(node)) ?? "";
  for (const damaged of [text.replace("BEGIN PRIVATE", "BEGIN_PRIVATE"), "", "{}\n{}\n", "\0"]) {
    node.write(identityFile(node), damaged, 0o600);
    assert.notEqual((await node.witness("127.0.0.2").keep())?.key, whole?.key);
  }
});

test("mirrors are applied where the key cannot be kept, without a witness until it can", async (context) => {
  const node = nodeFor(context);
  const state = desired(registry("gcr.io", [MIRROR]));
  let isFull = true;
  const { ports } = node.context();
  const write: Files["write"] = async (files) => {
    const path = identityFile(node);
    if (isFull && files.some((file) => file.path === path))
      throw new HostError("no-space", path, `cannot write ${path}: no space left`, { retryable: true });
    await ports.files.write(files);
  };
  const full = { ...ports, files: { ...ports.files, write } };
  const witness = createWitnessKeeper({
    ip: "127.0.0.1",
    mayMake: true,
    state: createStateDirectory(node.config.stateDir, full),
    keys: witnessKeys,
    ports,
  });
  const report = await node.pass(state, { witness });
  assert.equal(report.outcome, "applied", JSON.stringify(report.conditions));
  assert.deepEqual(await node.hostsFor("gcr.io"), [`${MIRROR}/v2`, "https://gcr.io/v2"]);
  isFull = false;
  await node.pass(state, { witness });
  assert.deepEqual(await node.hostsFor("gcr.io"), [`${MIRROR}/v2`, WITNESS, "https://gcr.io/v2"]);
});

test("restore forgets the identity, and takes the witness out", async (context) => {
  const node = nodeFor(context);
  await node.pass(desired(registry("gcr.io", [MIRROR])), { witness: node.witness() });
  assert.match(node.read(GCR) ?? "", /witness/);
  assert.ok((await restore(node.context())).ok);
  assert.equal(node.read(identityFile(node)), undefined);
  assert.equal(node.read(GCR), undefined);
});

/** Whenever something waits: whether the hosts.toml of a host directory is there, and any PEM file beside it. */
function watchWaits(node: TestNode, name: string) {
  const seen: { readonly hosts: boolean; readonly pem: boolean }[] = [];
  const { ports } = node.context();
  const sleep = async (ms: number): Promise<void> => {
    const paths = Object.keys(node.snapshot()).filter((path) => path.startsWith(`${CERTS_D}/${name}/`));
    seen.push({
      hosts: paths.some((path) => path.endsWith("/hosts.toml")),
      pem: paths.some((path) => path.endsWith(".pem")),
    });
    await ports.clock.sleep(ms);
  };
  const overrides: Partial<PassContext> = { ports: { ...ports, clock: { ...ports.clock, sleep } } };
  return { seen, overrides };
}

for (const [what, undo] of [
  ["restore", (node: TestNode, overrides: Partial<PassContext>) => restore(node.context(overrides))],
  [
    "a pass",
    (node: TestNode, overrides: Partial<PassContext>) =>
      node.pass(desired(registry("other.io", [MIRROR])), { ...overrides, witness: node.witness() }),
  ],
] as const) {
  for (const shared of [true, false])
    test(`${what}: a pull that has read a hosts.toml still finds its CA, in a directory of ${shared ? "several" : "our own"}`, async (context) => {
      const node = nodeFor(context);
      const state = desired(registry("gcr.io", [MIRROR]), registry("other.io", [MIRROR]));
      await node.pass(state, { witness: node.witness() });
      if (shared) node.write(`${CERTS_D}/gcr.io/mine.txt`, "mine");
      const { seen, overrides } = watchWaits(node, "gcr.io");
      await undo(node, overrides);
      assert.ok(
        seen.some(({ hosts, pem }) => !hosts && pem),
        JSON.stringify(seen),
      );
      const left = Object.keys(node.snapshot()).filter((path) => path.startsWith(`${CERTS_D}/gcr.io`));
      assert.deepEqual(left, shared ? [`${CERTS_D}/gcr.io`, `${CERTS_D}/gcr.io/mine.txt`] : []);
    });

  test(`${what}: a _default of somebody else is never hidden by what is left of a directory`, async (context) => {
    const node = nodeFor(context);
    node.write(`${CERTS_D}/_default/hosts.toml`, 'server = "http://127.0.0.1:5009"\n');
    const state = desired(registry("gcr.io", [MIRROR]), registry("other.io", [MIRROR]));
    await node.pass(state, { witness: node.witness() });
    const { seen, overrides } = watchWaits(node, "gcr.io");
    await undo(node, overrides);
    assert.ok(seen.length > 0);
    assert.deepEqual(
      seen.filter(({ hosts, pem }) => !hosts && pem),
      [],
    );
    assert.equal(node.read(GCR), undefined);
  });
}
