import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { PassReport } from "../../src/agent/report.ts";
import { type DesiredState, mirrorUrl } from "../../src/core/desired-state/desired-state.ts";
import { OWNERSHIP_MARKER } from "../../src/core/file-tree.ts";
import { arbitraryDesiredState, arbitraryHost } from "./arbitrary-node.ts";
import { desired, mirror, registry } from "./desired.ts";
import { CERTS_D, CONFIG, createTestNode, type TestNode } from "./test-node.ts";

const GCR = `${CERTS_D}/gcr.io/hosts.toml`;
const M1 = "http://127.0.0.1:5001";
const M2 = "http://127.0.0.1:5002";

async function withNode(version: string, body: (node: TestNode) => Promise<void>): Promise<void> {
  const node = createTestNode(version);
  try {
    await body(node);
  } finally {
    node.remove();
  }
}

for (const version of ["1.6.20", "1.7.15", "1.7.24", "2.1.9", "2.3.4"])
  test(`converges and idempotent: any desired state on any host, containerd ${version}`, async () => {
    await fc.assert(
      fc.asyncProperty(
        arbitraryHost(),
        arbitraryDesiredState(),
        arbitraryDesiredState(),
        fc.tuple(fc.boolean(), fc.boolean()),
        async (host, a, b, hasWitness) => {
          await withNode(version, async (node) => {
            host(node);
            for (const [index, state] of [a, b].entries()) {
              const isWitnessed = hasWitness[index] === true;
              const context = isWitnessed ? { witness: node.witness() } : {};
              node.clock.advance(3_700_000);
              await node.pass({ ...state, allowMassRemoval: true }, context);
              const after = node.snapshot();
              const restarts = node.containerd.restarts;
              node.clock.advance(3_700_000);
              const second = await node.pass({ ...state, allowMassRemoval: true }, context);
              assert.deepEqual(node.snapshot(), after, "a second pass changes nothing");
              assert.equal(node.containerd.restarts, restarts, "a second pass restarts nothing");
              assert.notEqual(second.outcome, "applied");
              const plan = await node.dryRun({ ...state, allowMassRemoval: true }, context);
              assert.deepEqual(plan.steps, [], "nothing is left to do");
              await assertPullsGoWhereWanted(node, state, second, isWitnessed);
            }
          });
        },
      ),
      { numRuns: 25 },
    );
  });

/** The model's reading of the whole node: what every wanted registry's pulls would ask, in order. */
async function assertPullsGoWhereWanted(
  node: TestNode,
  state: DesiredState,
  report: PassReport,
  isWitnessed: boolean,
): Promise<void> {
  const blocked = report.conditions.map(({ message }) => message).join("\n");
  for (const { namespace, mirrors, upstream } of state.registries) {
    if (blocked.includes(`${namespace}: `)) continue;
    const hosts = await node.hostsFor(namespace === "*" ? "some.other.io" : namespace);
    const wanted = mirrors.map((m) => `${mirrorUrl(m)}${m.path === "" ? "/v2" : ""}`);
    assert.deepEqual(hosts.slice(0, wanted.length), wanted, `${namespace} asks its mirrors in order`);
    const rest = hosts.slice(wanted.length);
    if (isWitnessed) assert.equal(rest.shift(), "https://127.0.0.1:478/witness", namespace);
    assert.equal(rest.length, upstream === "never" ? 0 : 1, `${namespace} and its upstream`);
  }
}

test("idempotent: a second pass writes nothing at all, the state directory included", async () => {
  await withNode("2.1.9", async (node) => {
    const state = desired(registry("gcr.io", [M1]), registry("*", [M2]));
    await node.pass(state);
    const record = node.read(`${node.config.stateDir}/apply-record.json`);
    const report = await node.pass(state);
    assert.equal(report.outcome, "unchanged");
    assert.deepEqual(report.done, []);
    assert.equal(node.read(`${node.config.stateDir}/apply-record.json`), record);
  });
});

test("no needless restart: a plan that only touches certs.d has none", async () => {
  await withNode("2.1.9", async (node) => {
    await node.pass(desired(registry("gcr.io", [M1])));
    assert.equal(node.containerd.restarts, 1, "config_path had to be set once");
    const report = await node.pass(desired(registry("gcr.io", [M2]), registry("quay.io", [M1])));
    assert.equal(report.outcome, "applied");
    assert.equal(node.containerd.restarts, 1);
  });
});

test("last good stands: a rejected, unreadable or unreachable desired state changes nothing", async () => {
  await withNode("2.1.9", async (node) => {
    const good = desired(registry("gcr.io", [M1]), registry("quay.io", [M1]));
    await node.pass(good);
    const before = node.snapshot();
    const unreadable = await node.pass("the desired state is not YAML");
    assert.equal(unreadable.outcome, "rejected");
    assert.deepEqual(
      unreadable.conditions.map(({ type }) => type),
      ["Stalled"],
    );
    assert.deepEqual(node.snapshot(), before);
    const stripped = await node.pass(desired(registry("docker.io", [M2])));
    assert.match(stripped.conditions[0]?.message ?? "", /mass-removal/);
    assert.deepEqual(node.snapshot(), before);
    node.down.add("127.0.0.1:5002");
    const closed = await node.pass(
      desired(registry("gcr.io", [M2], "never"), registry("quay.io", [M2], "never")),
    );
    assert.match(closed.conditions[0]?.message ?? "", /no mirror of gcr\.io answers/);
    assert.deepEqual(node.snapshot(), before);
  });
});

test("last good stands: a node whose record is lost is not stripped by a desired state without its registries", async () => {
  await withNode("2.1.9", async (node) => {
    await node.pass(desired(registry("gcr.io", [M1], "never"), registry("10.0.0.1:5000", [M1])));
    node.write(`${node.config.stateDir}/apply-record.json`, "torn");
    node.write(`${node.config.stateDir}/last-known-good.json`, "torn");
    const before = node.snapshot();
    const other = desired(registry("quay.io", [M1]));
    const report = await node.pass(other);
    assert.match(report.conditions[0]?.message ?? "", /2 of 2 mirrored registries.*gcr\.io.*mass-removal/);
    assert.deepEqual(node.snapshot(), before);
    assert.equal((await node.pass({ ...other, allowMassRemoval: true })).outcome, "applied");
  });
});

test("last good stands: drift is repaired towards the last good state while the new one is broken", async () => {
  await withNode("2.1.9", async (node) => {
    await node.pass(desired(registry("gcr.io", [M1])));
    const before = node.snapshot();
    node.write(GCR, `${OWNERSHIP_MARKER}\n# edited\n`);
    const report = await node.pass("no longer there");
    assert.deepEqual(node.snapshot(), before);
    assert.deepEqual(
      report.drift.map(({ path }) => path),
      [GCR],
    );
  });
});

test("own only ours: files of others survive creation, change and removal", async () => {
  await withNode("2.1.9", async (node) => {
    node.write(`${CERTS_D}/hand.made/hosts.toml`, 'server = "https://hand.made"\n[host]\n');
    node.write(`${CERTS_D}/gcr.io/ca.crt`, "not ours");
    const foreign = `${CERTS_D}/quay.io/hosts.toml`;
    node.write(foreign, 'server = "https://quay.io"\n[host]\n');
    const report = await node.pass(desired(registry("gcr.io", [M1]), registry("quay.io", [M1])));
    assert.equal(node.read(foreign), 'server = "https://quay.io"\n[host]\n');
    assert.deepEqual(
      report.conflicts.map(({ path }) => path),
      [foreign],
    );
    assert.deepEqual(
      report.conditions.map(({ type }) => type),
      ["Stalled"],
    );
    await node.pass({ ...desired(registry("docker.io", [M1])), allowMassRemoval: true });
    assert.equal(node.read(GCR), undefined);
    assert.equal(node.read(`${CERTS_D}/gcr.io/ca.crt`), "not ours");
    assert.equal(node.read(`${CERTS_D}/hand.made/hosts.toml`), 'server = "https://hand.made"\n[host]\n');
    assert.equal(node.read(foreign), 'server = "https://quay.io"\n[host]\n');
  });
});

test("own only ours: --adopt takes a file over and keeps the original", async () => {
  await withNode("2.1.9", async (node) => {
    node.write(GCR, "by hand\n");
    const report = await node.pass(desired(registry("gcr.io", [M1])), { adopt: true });
    assert.equal(report.outcome, "applied");
    assert.match(node.read(GCR) ?? "", /^# Owned by mirrorlet/);
    const index = node.read(`${node.config.stateDir}/original/index.json`) ?? "";
    const copy = (JSON.parse(index.split("\n")[1] ?? "") as { path: string; copy: string }[]).find(
      ({ path }) => path === GCR,
    )?.copy;
    assert.equal(node.read(copy ?? ""), "by hand\n");
  });
});

test("dry run is the same code: it names the steps of the pass that follows, and touches nothing", async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryHost(), arbitraryDesiredState(), async (host, state) => {
      await withNode("2.1.9", async (node) => {
        host(node);
        const before = node.snapshot();
        const run = await node.dryRun({ ...state, allowMassRemoval: true });
        assert.deepEqual(node.snapshot(), before);
        const report = await node.pass({ ...state, allowMassRemoval: true });
        const named = run.steps.filter(({ kind }) => kind !== "restart-containerd").map(({ text }) => text);
        if (report.outcome === "applied" || report.outcome === "unchanged")
          assert.deepEqual(report.done, named);
        assert.equal(node.containerd.restarts, run.restarts ? 1 : 0);
      });
    }),
    { numRuns: 25 },
  );
});

test("a secret is in no report, plan or diff", async () => {
  await withNode("1.7.24", async (node) => {
    const credential = { username: "user", password: "hunter2-SECRET" };
    node.bearer.add("token.example:443");
    const state = {
      ...desired(
        registry("gcr.io", [mirror("https://127.0.0.1:5001", { credential })]),
        registry("quay.io", [mirror("https://token.example:443", { credential })]),
      ),
      upstreamCredentials: [{ host: "quay.io", credential }],
    };
    const run = await node.dryRun(state);
    const report = await node.pass(state);
    const encoded = Buffer.from("user:hunter2-SECRET").toString("base64");
    for (const text of [JSON.stringify(run), JSON.stringify(report)]) {
      assert.ok(!text.includes("hunter2"), "password");
      assert.ok(!text.includes(encoded), "authorization header");
    }
    assert.match(node.read(GCR) ?? "", new RegExp(encoded), "the header is on the node");
    assert.match(node.read(CONFIG) ?? "", /hunter2-SECRET/, "the token host's credential is in config.toml");
    assert.doesNotMatch(node.read(`${CERTS_D}/token.example_443_/hosts.toml`) ?? "", /authorization/);
  });
});
