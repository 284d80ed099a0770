import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import {
  type ApplyRecord,
  decodeApplyRecord,
  EMPTY_RECORD,
  encodeApplyRecord,
} from "../../src/agent/apply-record.ts";
import { decodeReading, encodeReading } from "../../src/agent/count-reads.ts";
import { decodeLastKnownGood, encodeLastKnownGood } from "../../src/agent/last-known-good.ts";
import { decodeOriginalIndex, encodeOriginalIndex } from "../../src/agent/originals.ts";
import { restore } from "../../src/agent/restore.ts";
import { sealJson } from "../../src/agent/sealed-json.ts";
import { decodeFloors, encodeFloors } from "../../src/agent/serial-floors.ts";
import { desired, registry } from "./desired.ts";
import { CONFIG, createTestNode, type TestNode } from "./test-node.ts";

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const MIRROR = "http://127.0.0.1:5001";
const STATE = desired(registry("gcr.io", [MIRROR], "never"));

const record: ApplyRecord = { ...EMPTY_RECORD, digest: "d", namespaces: ["gcr.io", "bücher.example"] };
const index = [
  { path: CONFIG, copy: "/x/original/1", digest: "d", mode: 0o644, owner: { uid: 0, gid: 0 } },
  { path: "/etc/containerd/certs.d/quay.io/hosts.toml", mode: 0o644 },
];
const floors = { "prod/stable": 12, "prod/canary": 3 };
const tries = { digest: "d", count: 2 };
const kinds = [
  ["apply-record.json", encodeApplyRecord(record, sha256), decodeApplyRecord, record],
  ["last-known-good.json", encodeLastKnownGood(STATE, sha256), decodeLastKnownGood, STATE],
  ["serial-floors.json", encodeFloors(floors, sha256), decodeFloors, floors],
  ["original/index.json", encodeOriginalIndex(index, sha256), decodeOriginalIndex, index],
  ["reading.json", encodeReading(tries, sha256), decodeReading, tries],
] as const;

for (const [name, bytes, decode, value] of kinds) {
  test(`${name}: whole it is what was written`, () => {
    assert.deepEqual(decode(bytes, sha256), value);
  });

  test(`${name}: with any byte changed, cut at any length or longer it is damaged`, () => {
    for (let at = 0; at < bytes.length; at += 1) {
      assert.equal(decode(bytes.subarray(0, at), sha256), undefined, `cut at ${at}`);
      for (let bit = 0; bit < 8; bit += 1) {
        const changed = bytes.slice();
        changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        assert.equal(decode(changed, sha256), undefined, `bit ${bit} of byte ${at}`);
      }
    }
    assert.equal(decode(Buffer.concat([bytes, bytes]), sha256), undefined);
    assert.equal(decode(Buffer.concat([bytes, Buffer.from("\n")]), sha256), undefined);
  });
}

test("one file of the state is not taken for another", () => {
  for (const [name, , decode] of kinds)
    for (const [other, bytes] of kinds) assert.equal(decode(bytes, sha256) !== undefined, name === other);
});

const ORIGINAL = 'version = 2\n# the site\'s\n[plugins."io.containerd.grpc.v1.cri"]\n  sandbox_image = "x"\n';

async function withNode(body: (node: TestNode) => Promise<void>): Promise<void> {
  const node = createTestNode("1.7.24");
  try {
    node.write(CONFIG, ORIGINAL);
    assert.equal((await node.pass(STATE)).outcome, "applied");
    assert.notEqual(node.read(CONFIG), ORIGINAL);
    await body(node);
  } finally {
    node.remove();
  }
}

const indexOf = (node: TestNode): string => `${node.config.stateDir}/original/index.json`;

test("a damaged index of originals: never written over, nothing changed that could not be put back, and told", async () => {
  await withNode(async (node) => {
    const index = node.read(indexOf(node)) ?? "";
    const damaged = index.slice(0, -9);
    node.write(indexOf(node), damaged);
    assert.equal((await node.pass(STATE)).outcome, "unchanged", "what needs no original goes on");
    const more = desired(...STATE.registries, registry("quay.io", [MIRROR]));
    assert.equal((await node.pass(more)).outcome, "applied");

    node.clock.advance(3_600_000);
    const theirs = ORIGINAL.replace("x", "y");
    node.write(CONFIG, theirs);
    const before = node.snapshot();
    for (const state of [more, STATE]) {
      const report = await node.pass(state);
      assert.equal(report.outcome, "failed");
      assert.deepEqual(
        report.conditions.map(({ type }) => type),
        ["Stalled"],
      );
      assert.match(
        report.conditions[0]?.message ?? "",
        /index\.json is damaged.*from a backup, or remove it/,
      );
    }
    const result = await restore(node.context());
    assert.ok(!result.ok && /nothing is put back.*index\.json is damaged/.test(result.message));
    assert.deepEqual(node.snapshot(), before);
    assert.equal(node.read(indexOf(node)), damaged);

    node.write(indexOf(node), index);
    assert.equal((await node.pass(STATE)).outcome, "applied");
    assert.equal((await restore(node.context())).ok, true);
    assert.equal(node.read(CONFIG), theirs, "our keys as they were; what they changed stays");
  });
});

test("a damaged index that is removed: the copies beside it still are the originals", async () => {
  await withNode(async (node) => {
    await node.context().ports.files.remove([indexOf(node)]);
    node.clock.advance(3_600_000);
    node.write(CONFIG, `${node.read(CONFIG)?.replace(/config_path = .*/g, "")}`);
    await node.pass(STATE);
    const kept = await node.context().state.originals();
    assert.equal(Buffer.from(kept[0]?.bytes ?? "").toString(), ORIGINAL);
    assert.equal((await restore(node.context())).ok, true);
    assert.doesNotMatch(node.read(CONFIG) ?? "", /config_path/);
  });
});

test("a damaged copy of an original is not put back", async () => {
  await withNode(async (node) => {
    const { state, ports } = node.context();
    const tree = await ports.files.readTree(`${node.config.stateDir}/original`);
    const copy = tree.files.find(({ path }) => !path.endsWith("index.json"));
    node.write(copy?.path ?? "", ORIGINAL.replace("x", "z"));
    await assert.rejects(
      state.originals(),
      /kept original of \/etc\/containerd\/config\.toml in .* is damaged/,
    );
  });
});

test("a damaged last good state counts as none, and is written anew by the next pass", async () => {
  await withNode(async (node) => {
    const path = `${node.config.stateDir}/last-known-good.json`;
    const good = node.read(path);
    node.write(path, good?.replace("5001", "5009") ?? "");
    const before = node.snapshot();
    assert.equal((await node.pass("unreadable")).outcome, "rejected");
    assert.deepEqual(node.snapshot(), before);
    await node.pass(STATE);
    assert.equal(node.read(path), good);
  });
});

test("damaged bytes for a rollback are never put back: config.toml stays as it is, and what to do is told", async () => {
  for (const damage of ["version = 2\n[plugins]\n", ""]) {
    const node = createTestNode("1.7.24");
    try {
      node.write(CONFIG, ORIGINAL);
      node.containerd.refuseStart = "containerd: bad value";
      const { containerd } = node;
      const restart = containerd.restart.bind(containerd);
      containerd.restart = (signal) => {
        node.write(`${node.config.stateDir}/rollback/config.toml`, damage);
        return restart(signal);
      };
      const report = await node.pass(STATE);
      assert.equal(report.outcome, "failed");
      assert.match(report.conditions[0]?.message ?? "", /lost or damaged; it stays as it is: look at it/);
      assert.match(node.read(CONFIG) ?? "", /config_path = /, "what was written last");
      assert.match(node.read(CONFIG) ?? "", /# the site's/);
    } finally {
      node.remove();
    }
  }
});

test("floors that are no numbers, under a whole seal, are damaged: no serial is below them", () => {
  for (const value of [{ "prod/stable": "12" }, { "prod/stable": null }, { "prod/stable": 1.5 }, null, 12]) {
    const bytes = sealJson("mirrorlet.serial-floors/v1", value, sha256);
    assert.equal(decodeFloors(bytes, sha256), undefined, JSON.stringify(value));
  }
});
