import assert from "node:assert/strict";
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { test } from "node:test";
import type { PassContext } from "../../src/agent/pass-context.ts";
import { restore } from "../../src/agent/restore.ts";
import { parseContainerdVersion } from "../../src/core/containerd/version.ts";
import { desired, mirror, registry } from "./desired.ts";
import { CERTS_D, CONFIG, createTestNode, type TestNode } from "./test-node.ts";

const M1 = "http://127.0.0.1:5001";
const HOUR = 3_700_000;
const PEM = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
const REGISTRY = 'plugins."io.containerd.grpc.v1.cri".registry';

async function withNode(version: string, body: (node: TestNode) => Promise<void>): Promise<void> {
  const node = createTestNode(version);
  try {
    node.write(CONFIG, "version = 2\n");
    await body(node);
  } finally {
    node.remove();
  }
}

function legacy(node: TestNode): Partial<PassContext> {
  return { config: { ...node.config, style: "legacy" } };
}

/** The next restart command fails, later ones work. */
function failNextRestart(node: TestNode): void {
  const { restart } = node.containerd;
  node.containerd.restart = async () => {
    node.containerd.restart = restart;
    node.containerd.restarts += 1;
    return { ok: false, message: "bad value" };
  };
}

test("a style that cannot be brought into force leaves the mirrors of the other one", async () => {
  await withNode("1.7.24", async (node) => {
    const state = desired(registry("gcr.io", [M1]));
    await node.pass(state);
    node.clock.advance(HOUR);
    const before = await node.hostsFor("gcr.io");
    failNextRestart(node);
    assert.equal((await node.pass(state, legacy(node))).outcome, "rolled-back");
    assert.deepEqual(await node.hostsFor("gcr.io"), before);
    node.clock.advance(HOUR);
    await node.pass(state, legacy(node));
    assert.deepEqual(await node.hostsFor("gcr.io"), before, "nor does a later pass that leaves config.toml");
  });
});

test("a config.toml that cannot be edited for the other style keeps what it names now", async () => {
  await withNode("1.7.24", async (node) => {
    const state = desired(registry("gcr.io", [M1]));
    await node.pass(state);
    node.clock.advance(HOUR);
    const plugin = '[plugins."io.containerd.grpc.v1.cri"]\n  registry = ';
    node.write(CONFIG, `version = 2\n${plugin}{config_path = "${CERTS_D}"}\n`);
    const before = await node.hostsFor("gcr.io");
    const report = await node.pass(state, legacy(node));
    assert.match(report.conditions[0]?.message ?? "", /inline table/);
    assert.deepEqual(await node.hostsFor("gcr.io"), before);
  });
});

test("the CA files of the legacy style stay while config.toml names them", async () => {
  await withNode("1.7.24", async (node) => {
    const state = desired(registry("gcr.io", [mirror("https://mirror.example", { ca: PEM })]));
    await node.pass(state, legacy(node));
    node.clock.advance(HOUR);
    failNextRestart(node);
    assert.equal((await node.pass(state)).outcome, "rolled-back");
    const ca = /ca_file = "([^"]*)"/.exec(node.read(CONFIG) ?? "")?.[1] ?? "";
    assert.match(node.read(ca) ?? "", /BEGIN CERTIFICATE/);
  });
});

test("never: the legacy style does not open an upstream that certs.d keeps closed", async () => {
  await withNode("1.7.24", async (node) => {
    const state = desired(registry("gcr.io", [M1], "never"), registry("quay.io", [M1]));
    await node.pass(state);
    node.clock.advance(HOUR);
    const before = node.snapshot();
    const report = await node.pass(state, legacy(node));
    assert.deepEqual(node.snapshot(), before);
    assert.match(report.conditions[0]?.message ?? "", /gcr\.io: .*its upstream would be opened/);
  });
});

test("mirrors that came from config.toml go back there with the legacy style, and come again", async () => {
  await withNode("1.7.24", async (node) => {
    node.write(
      CONFIG,
      `version = 2\n[${REGISTRY}.mirrors."docker.io"]\n  endpoint = ["https://old.example"]\n`,
    );
    const before = await node.hostsFor("docker.io");
    const state = desired(registry("gcr.io", [M1]));
    for (const style of [{}, legacy(node), {}]) {
      await node.pass(state, style);
      node.clock.advance(HOUR);
      assert.deepEqual(await node.hostsFor("docker.io"), before);
    }
  });
});

for (const [what, endpoints] of [
  ["a repeated endpoint", '"https://old.example", "https://old.example"'],
  ["a trailing slash", '"https://old.example/v2/"'],
  ["an IPv6 literal, which 1.x reads in config.toml only", '"https://[::1]:5000"'],
] as const)
  test(`a legacy mirror is not lost on its way to certs.d: ${what}`, async () => {
    await withNode("1.7.24", async (node) => {
      node.write(CONFIG, `version = 2\n[${REGISTRY}.mirrors."docker.io"]\n  endpoint = [${endpoints}]\n`);
      const [first = ""] = await node.hostsFor("docker.io");
      await node.pass(desired(registry("gcr.io", [M1])));
      const [after = ""] = await node.hostsFor("docker.io");
      assert.equal(after, first.replace(/\/$/, ""));
    });
  });

test("a legacy mirror stays until the desired one can be written in its place", async () => {
  await withNode("1.7.24", async (node) => {
    node.write(CONFIG, `version = 2\n[${REGISTRY}.mirrors."gcr.io"]\n  endpoint = ["https://old.example"]\n`);
    const before = await node.hostsFor("gcr.io");
    const report = await node.pass(desired(registry("gcr.io", ["https://[::1]:5003"])));
    assert.match(report.conditions[0]?.message ?? "", /gcr\.io: .*IPv6 literal/);
    assert.deepEqual(await node.hostsFor("gcr.io"), before);
  });
});

test("a change that fails while the last good state is lost takes nothing of what is in force away", async () => {
  await withNode("1.7.24", async (node) => {
    await node.pass(desired(registry("gcr.io", [M1], "never")));
    node.clock.advance(HOUR);
    rmSync(`${node.root}${node.config.stateDir}/last-known-good.json`);
    node.bearer.add("token.example");
    failNextRestart(node);
    const credential = { username: "u", password: "p" };
    const more = registry("quay.io", [mirror("https://token.example", { credential })]);
    assert.equal((await node.pass(desired(registry("gcr.io", [M1], "never"), more))).outcome, "rolled-back");
    assert.deepEqual(await node.hostsFor("gcr.io"), [`${M1}/v2`]);
  });
});

test("a change that is taken back puts the credential back where it was", async () => {
  await withNode("1.7.24", async (node) => {
    const credential = { username: "u", password: "p" };
    const state = desired(registry("gcr.io", [mirror("https://m.example", { credential })], "never"));
    await node.pass(state);
    const before = node.snapshot();
    node.clock.advance(HOUR);
    node.bearer.add("m.example");
    failNextRestart(node);
    assert.equal((await node.pass({ ...state, generation: 2 })).outcome, "rolled-back");
    assert.deepEqual(node.snapshot(), before);
  });
});

test("a credential stays in hosts.toml until the restart that brings it into config.toml is allowed", async () => {
  await withNode("1.7.24", async (node) => {
    const credential = { username: "u", password: "p" };
    const state = desired(registry("gcr.io", [mirror("https://m.example", { credential })], "never"));
    await node.pass(state);
    node.bearer.add("m.example");
    const report = await node.pass({ ...state, generation: 2 });
    assert.equal(report.outcome, "deferred");
    assert.match(node.read(`${CERTS_D}/gcr.io/hosts.toml`) ?? "", /authorization/);
    node.clock.advance(HOUR);
    await node.pass({ ...state, generation: 2 });
    assert.doesNotMatch(node.read(`${CERTS_D}/gcr.io/hosts.toml`) ?? "", /authorization/);
    assert.match(node.read(CONFIG) ?? "", /password/);
  });
});

test("a mirror that could not be asked how it wants its credential is asked again, until it answers", async () => {
  await withNode("1.7.24", async (node) => {
    node.bearer.add("m.example");
    node.down.add("m.example");
    const credential = { username: "u", password: "p" };
    const state = desired(registry("gcr.io", [mirror("https://m.example", { credential })]));
    await node.pass(state);
    node.clock.advance(HOUR);
    node.down.clear();
    await node.pass(state);
    assert.match(node.read(CONFIG) ?? "", /password/);
    const asked = node.probed.length;
    await node.pass(state);
    assert.equal(node.probed.length, asked);
  });
});

test("credentials in agent.toml takes effect without a new desired state", async () => {
  await withNode("1.7.24", async (node) => {
    const credential = { username: "u", password: "p" };
    const state = desired(registry("gcr.io", [mirror("https://m.example", { credential })]));
    await node.pass(state);
    node.clock.advance(HOUR);
    await node.pass(state, { config: { ...node.config, credentials: "cri" } });
    assert.match(node.read(CONFIG) ?? "", /password/);
  });
});

test("an upgrade of containerd is not reported as somebody else's change", async () => {
  await withNode("1.7.24", async (node) => {
    const state = desired(registry("gcr.io", [mirror(M1, { dialTimeout: "1s" })]));
    await node.pass(state);
    node.containerd.version = async () => parseContainerdVersion("2.1.9");
    const report = await node.pass(state);
    assert.match(node.read(`${CERTS_D}/gcr.io/hosts.toml`) ?? "", /dial_timeout/);
    assert.deepEqual(report.drift, []);
  });
});

test("a state in force whose repair failed once is Ready again when the repair works", async () => {
  await withNode("1.7.24", async (node) => {
    const state = desired(registry("gcr.io", [M1]));
    await node.pass(state);
    node.clock.advance(HOUR);
    node.write(CONFIG, "version = 2\n# rewritten\n");
    failNextRestart(node);
    assert.equal((await node.pass(state)).outcome, "rolled-back");
    node.clock.advance(HOUR);
    const left = await node.pass(state);
    assert.deepEqual(left.drift, [], "nothing was put right");
    assert.deepEqual(
      left.conditions.map(({ type }) => type),
      ["Stalled", "RolledBack"],
    );
    node.write(CONFIG, "version = 2\n# rewritten again\n");
    const report = await node.pass(state);
    assert.deepEqual(
      report.conditions.map(({ type }) => type),
      ["Ready"],
    );
    assert.match(node.containerd.running ?? "", /config_path/);
  });
});

test("a pending restart is not forgotten because somebody adds a line to config.toml", async () => {
  await withNode("2.1.9", async (node) => {
    const state = desired(registry("gcr.io", [M1]));
    await node.pass(state, { mayRestart: false });
    node.write(CONFIG, `${node.read(CONFIG)}# theirs\n`);
    await node.pass(state);
    assert.match(node.containerd.running ?? "", /config_path.*# theirs/s);
  });
});

test("apply --no-restart after another one brings the new desired state to certs.d", async () => {
  await withNode("2.1.9", async (node) => {
    await node.pass(desired(registry("gcr.io", [M1])), { mayRestart: false });
    const next = desired(registry("gcr.io", ["http://127.0.0.1:5002"]));
    const report = await node.pass(next, { mayRestart: false });
    assert.deepEqual(
      report.conditions.map(({ type }) => type),
      ["Reconciling"],
    );
    assert.equal((await node.hostsFor("gcr.io"))[0], "http://127.0.0.1:5002/v2");
    assert.equal(node.containerd.restarts, 0);
  });
});

test("a config.toml that cannot be edited is not in sync", async () => {
  await withNode("2.1.9", async (node) => {
    node.write(CONFIG, "version = 3\n[[[\n");
    assert.equal((await node.pass(desired(registry("gcr.io", [M1])))).inSync, false);
  });
});

test("a mirror that came from config.toml survives the loss of the record and of the state directory", async () => {
  await withNode("1.7.24", async (node) => {
    node.write(
      CONFIG,
      `version = 2\n[${REGISTRY}.mirrors."docker.io"]\n  endpoint = ["https://old.example"]\n`,
    );
    const state = desired(registry("gcr.io", [M1]));
    await node.pass(state);
    const before = await node.hostsFor("docker.io");
    assert.equal(before[0], "https://old.example/v2");
    node.write(`${node.config.stateDir}/apply-record.json`, "torn");
    await node.pass(state);
    assert.deepEqual(await node.hostsFor("docker.io"), before);
    node.clock.advance(HOUR);
    assert.equal((await restore(node.context())).ok, true);
    assert.equal(node.read(`${CERTS_D}/docker.io/hosts.toml`), undefined);
    await node.pass(state);
    rmSync(`${node.root}${node.config.stateDir}`, { recursive: true });
    await node.pass({ ...state, generation: 2 });
    assert.deepEqual(await node.hostsFor("docker.io"), before);
  });
});

test("somebody's symbolic link in certs.d is left alone and stops nothing else", async () => {
  await withNode("2.1.9", async (node) => {
    node.write("/etc/docker/certs.d/docker.io/ca.crt", "theirs");
    await node.pass(desired(registry("*", [M1])));
    symlinkSync("_default", `${node.root}${CERTS_D}/ghcr.io`);
    mkdirSync(`${node.root}${CERTS_D}`, { recursive: true });
    symlinkSync("/etc/docker/certs.d/docker.io", `${node.root}${CERTS_D}/docker.io`);
    assert.equal((await node.pass(desired(registry("*", [M1])))).outcome, "unchanged");
    const report = await node.pass(
      desired(registry("*", [M1]), registry("docker.io", [M1]), registry("quay.io", [M1])),
    );
    assert.deepEqual(
      report.conflicts.map(({ path }) => path),
      [`${CERTS_D}/docker.io`],
    );
    assert.equal((await node.hostsFor("quay.io"))[0], `${M1}/v2`);
  });
});
