import assert from "node:assert/strict";
import { mkdirSync, rmSync } from "node:fs";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { runPass } from "../../../src/agent/pass.ts";
import { parseContainerdVersion } from "../../../src/core/containerd/version.ts";
import { testKey } from "../../core/signing/sign.ts";
import { CONFIG } from "../test-node.ts";
import { fedNode, PIN, text } from "./support/fed-node.ts";

const SOAK = 60_000;

test("an assignment is verified, put in force, soaked, and only then closes out what is below its floor", async (t) => {
  const fed = await fedNode(t);
  const one = fed.sign({ serial: 12, floorSerial: 10, desiredState: text(5000) });
  await fed.assign(one);
  assert.deepEqual(fed.phases, ["verified"]);
  assert.deepEqual(fed.triggers, ["the feed has assigned a document"]);
  const report = await fed.pass();
  assert.equal(report.outcome, "applied");
  assert.equal(fed.port, "5000");
  assert.deepEqual(fed.phases, ["verified", "applied"]);
  assert.equal(report.signed?.floor, 0);
  fed.node.clock.advance(SOAK - 1);
  await fed.pass();
  assert.deepEqual(fed.phases, ["verified", "applied"]);
  fed.node.clock.advance(1);
  await fed.pass();
  assert.deepEqual(fed.phases, ["verified", "applied", "soaked"]);
  assert.equal((await fed.pass()).signed?.floor, 10, "with the pass that follows");
  const last = fed.answer;
  assert.equal(last?.state.running?.digest, one.digest);
  assert.equal(last?.state.source, "feed");
  assert.equal(last?.state.lastGoodDigest, one.digest);
});

test("which containerd runs is told once a pass has looked, and when it is another", async (t) => {
  const fed = await fedNode(t);
  const { state } = await fed.keeper.listener.hello();
  assert.equal(state.containerdVersion, "");
  await fed.pass();
  const [news, ...more] = fed.reports;
  assert.deepEqual([news?.assignmentId, news?.state.containerdVersion, more], ["", "2.1.9", []]);
  await fed.pass();
  assert.equal(fed.reports.length, 1);
  const newer = parseContainerdVersion("2.1.10");
  assert.ok(newer);
  fed.node.containerd.version = async () => newer;
  await fed.pass();
  assert.deepEqual(
    fed.reports.slice(1).map(({ assignmentId, state }) => [assignmentId, state.containerdVersion]),
    [["", "2.1.10"]],
  );
  await fed.assign(fed.sign({ desiredState: text(5000) }));
  await fed.pass();
  await fed.restart();
  const again = await fed.keeper.listener.hello();
  assert.equal(again.state.containerdVersion, "2.1.10", "it is kept");
});

test("what must not be is refused without a pass, and nothing on the node is another than before", async (t) => {
  const fed = await fedNode(t);
  await fed.assign(fed.sign({ serial: 12, floorSerial: 10, desiredState: text(5000) }));
  await fed.pass();
  fed.node.clock.advance(SOAK);
  await fed.pass();
  await fed.pass();
  const before = fed.node.snapshot();
  fed.triggers.length = 0;
  const good = fed.sign({ serial: 13 });
  const torn = { ...good, envelope: good.envelope.slice(0, -40) };
  const big = { ...good, envelope: new Uint8Array(256 * 1024 + 1).fill(0x20) };
  const cases: readonly [string, { digest: string; envelope: Uint8Array }][] = [
    ["signature-insufficient", fed.sign({ serial: 13 }, [testKey(9)])],
    ["signed-fleet", fed.sign({ serial: 13, fleet: "test" })],
    ["signed-channel", fed.sign({ serial: 13, channel: "canary" })],
    ["signed-audience", fed.sign({ serial: 13, audience: { nodes: ["n2"] } })],
    ["signed-serial", fed.sign({ serial: 9, floorSerial: 1 })],
    ["signed-expired", fed.sign({ serial: 13, expiresMs: fed.node.clock.now() - 1 })],
    ["digest-mismatch", { ...good, digest: "00".repeat(32) }],
    ["signed-envelope", torn],
    ["signed-envelope", big],
  ];
  for (const [index, [code, signed]] of cases.entries()) {
    await fed.assign(signed, { id: `bad/${index}` });
    const { phase, error, assignmentId, state } = fed.answer ?? {};
    assert.deepEqual([assignmentId, phase, error?.code], [`bad/${index}`, "rejected", code]);
    assert.equal(state?.running?.serial, 12);
    assert.equal(state?.rejections.at(-1)?.error.code, code);
  }
  assert.deepEqual(fed.triggers, []);
  assert.equal((await fed.pass()).outcome, "unchanged");
  assert.deepEqual(fed.node.snapshot(), before);
});

test("what the pass refuses is REJECTED with its reason, and what was in force stays", async (t) => {
  const fed = await fedNode(t);
  const one = fed.sign({ desiredState: text(5000) });
  await fed.assign(one);
  await fed.pass();
  fed.node.clock.advance(SOAK);
  await fed.pass();
  await fed.assign(
    fed.sign({ serial: 13, desiredState: "registryMirrors:\n- endpoint: ftp://x\n  hosts: [quay.io]\n" }),
  );
  await fed.pass();
  const { phase, error } = fed.answer ?? {};
  assert.equal(phase, "rejected");
  assert.match(error?.message ?? "", /feed \(signed desired-state\.yaml\):2/);
  const after = await fed.pass();
  assert.deepEqual(
    after.conditions.map(({ type }) => type),
    ["Ready"],
    "the one before is wanted again",
  );
  assert.equal(after.asked?.digest, one.digest);
  assert.equal(fed.port, "5000");
});

test("a mirror that does not answer in strict mode is waited for, and given up in time", async (t) => {
  const fed = await fedNode(t);
  fed.node.configure("preflight=strict");
  fed.node.down.add("127.0.0.1:5001");
  await fed.assign(fed.sign({ desiredState: text(5001) }));
  await fed.pass();
  assert.deepEqual(fed.phases, ["verified", "held"]);
  fed.node.clock.advance(480_000);
  await fed.pass();
  const { phase, error } = fed.answer ?? {};
  assert.deepEqual([phase, error?.code, error?.retriable], ["rejected", "preflight", true]);
  assert.equal(fed.port, undefined);
  fed.node.down.clear();
  await fed.assign(fed.sign({ desiredState: text(5001) }), { id: "stable/stable/2" });
  await fed.pass();
  assert.equal(fed.port, "5001");
});

test("a new try is one pass, however often that reads; a change on trial has not soaked", async (t) => {
  const old = '# mine\nversion = 2\n[plugins."io.containerd.grpc.v1.cri"]\n  sandbox_image = "x"\n';
  const fed = await fedNode(t, old, "1.7.24");
  await fed.assign(fed.sign({ desiredState: text(5000) }), { soakMs: 1_000 });
  const isNewTry = async () => {
    const choice = await fed.keeper.choose();
    return choice.kind === "document" && choice.isNewTry;
  };
  assert.deepEqual([await isNewTry(), await isNewTry()], [true, true]);
  await fed.pass();
  assert.equal(await isNewTry(), false);
  assert.equal(fed.node.containerd.restarts, 1);
  fed.node.clock.advance(2_000);
  await fed.pass();
  assert.equal(fed.answer?.phase, "applied");
  fed.node.clock.advance(120_000);
  await fed.pass();
  assert.equal(fed.answer?.phase, "soaked");
});

test("a containerd that ends in its trial is taken back, and so is the assignment", async (t) => {
  const old = '# mine\nversion = 2\n[plugins."io.containerd.grpc.v1.cri"]\n  sandbox_image = "x"\n';
  const fed = await fedNode(t, old, "1.7.24");
  fed.node.containerd.unit = { is: "running", restarts: 0 };
  await fed.assign(fed.sign({ desiredState: text(5000) }), { soakMs: 1_000 });
  await fed.pass();
  assert.equal(fed.answer?.phase, "applied");
  fed.node.clock.advance(10_000);
  fed.node.containerd.unit = { is: "running", restarts: 1, message: "panic" };
  await fed.pass();
  assert.equal(fed.answer?.phase, "reverted");
  assert.match(fed.answer?.error?.message ?? "", /ended by itself: panic/);
  assert.equal(fed.node.read(CONFIG), old);
  assert.equal(fed.answer?.state.running, undefined);
});

test("what containerd does not come up on is FAILED, taken back by the pass, and tried again only by a new assignment", async (t) => {
  const old = '# mine\nversion = 2\n[plugins."io.containerd.grpc.v1.cri"]\n  sandbox_image = "x"\n';
  const fed = await fedNode(t, old, "1.7.24");
  fed.node.containerd.refuseStart = "no";
  const one = fed.sign({ desiredState: text(5000) });
  await fed.assign(one);
  await fed.pass();
  const { phase, error, state } = fed.answer ?? {};
  assert.equal(phase, "failed");
  assert.equal(error?.code, "rolled-back");
  assert.equal(state?.running, undefined);
  assert.equal(fed.node.read(CONFIG), old);
  const restarts = fed.node.containerd.restarts;
  fed.node.clock.advance(3_600_000);
  await fed.pass();
  await fed.assign(one);
  assert.equal(fed.answer?.phase, "failed", "the same assignment has the same answer");
  await fed.pass();
  assert.equal(fed.node.containerd.restarts, restarts);
  await fed.assign(one, { id: "r1/2/apply" });
  await fed.pass();
  assert.equal(fed.node.containerd.restarts, restarts + 2, "another assignment is another try");
  assert.equal(fed.answer?.phase, "failed");
  for (let index = 0; index < 3; index++) {
    fed.node.clock.advance(3_600_000);
    await fed.pass();
  }
  assert.equal(fed.node.containerd.restarts, restarts + 2, "but one");
});

test("pulls that go past the mirror in the soak take the change back, and REVERTED is said when that is done", async (t) => {
  const fed = await fedNode(t);
  await fed.assign(fed.sign({ desiredState: text(5000) }));
  await fed.pass();
  fed.node.clock.advance(SOAK);
  await fed.pass();
  const two = fed.sign({ serial: 13, floorSerial: 13, desiredState: text(5001) });
  await fed.assign(two);
  await fed.pass();
  assert.equal(fed.port, "5001");
  fed.node.clock.advance(1000);
  fed.verdict("bypassed");
  await fed.tick();
  assert.equal(fed.answer?.phase, "applied");
  await fed.pass();
  assert.equal(fed.port, "5000");
  const { phase, error, items, state } = fed.answer ?? {};
  assert.deepEqual([phase, error?.code, error?.item], ["reverted", "verdict-bypassed", "gcr.io"]);
  assert.equal(items?.[0]?.phase, "reverted");
  assert.equal(state?.running?.serial, 12);
  assert.equal((await fed.pass()).signed?.floor, 10, "what has not soaked closes nothing out");
});

test("what is being taken back when something else is assigned has its answer, with the reason", async (t) => {
  const fed = await fedNode(t);
  await fed.assign(fed.sign({ desiredState: text(5000) }));
  await fed.pass();
  fed.node.clock.advance(SOAK);
  await fed.pass();
  const two = fed.sign({ serial: 13, desiredState: text(5001) });
  await fed.assign(two, { id: "two" });
  await fed.pass();
  fed.node.clock.advance(1000);
  fed.verdict("bypassed");
  await fed.tick();
  await fed.assign(fed.sign({ serial: 14, desiredState: text(5002) }), { id: "three" });
  const told = fed.reports.filter(({ assignmentId }) => assignmentId === "two").at(-1);
  assert.deepEqual([told?.phase, told?.error?.code], ["reverted", "verdict-bypassed"]);
  assert.deepEqual(
    told?.items.map(({ namespace, error }) => [namespace, error?.code]),
    [
      ["gcr.io", "verdict-bypassed"],
      ["quay.io", undefined],
    ],
  );
  await fed.restart();
  const { state } = await fed.keeper.listener.hello();
  const kept = state.rejections.map(({ assignmentId, error: { code } }) => [assignmentId, code]);
  assert.deepEqual(kept, [["two", "verdict-bypassed"]]);
  await fed.pass();
  assert.equal(fed.port, "5002");
});

test("a verdict that was bad before is no reason to go back", async (t) => {
  const fed = await fedNode(t);
  await fed.assign(fed.sign({ desiredState: text(5000) }));
  await fed.pass();
  fed.node.clock.advance(SOAK);
  await fed.pass();
  fed.verdict("bypassed");
  await fed.assign(fed.sign({ serial: 13, desiredState: text(5001) }));
  await fed.pass();
  fed.node.clock.advance(SOAK);
  fed.verdict("bypassed");
  await fed.pass();
  assert.equal(fed.answer?.phase, "soaked");
});

test("with nothing to go back to it stays, and FAILED says so", async (t) => {
  const fed = await fedNode(t);
  await fed.assign(fed.sign({ desiredState: text(5000) }));
  await fed.pass();
  fed.node.clock.advance(1);
  fed.verdict("failing");
  await fed.pass();
  const { phase, error, state } = fed.answer ?? {};
  assert.equal(phase, "failed");
  assert.match(error?.message ?? "", /nothing to go back to, so it stays/);
  assert.equal(state?.running?.serial, 12);
  await fed.pass();
  assert.equal(fed.port, "5000");
});

test("going back to what has soaked, and failing at it, does not bring the node's own file back", async (t) => {
  for (const fails of ["in its soak", "before it is in force"]) {
    const fed = await fedNode(t);
    fed.file = fed.sign({ serial: 11, desiredState: text(5002) }).envelope;
    const good = fed.sign({ desiredState: text(5000) });
    await fed.assign(good);
    await fed.pass();
    fed.node.clock.advance(SOAK);
    await fed.pass();
    await fed.assign(fed.sign({ serial: 13, desiredState: text(5001) }));
    await fed.pass();
    assert.equal(fed.port, "5001");
    if (fails !== "in its soak") {
      fed.node.configure("preflight=strict");
      fed.node.down.add("127.0.0.1:5000");
    }
    await fed.assign(good, { id: "r1/1/revert", mode: "revert" });
    await fed.pass();
    fed.node.clock.advance(fails === "in its soak" ? 1 : 480_000);
    if (fails === "in its soak") fed.verdict("failing");
    await fed.pass();
    const { assignmentId, phase } = fed.answer ?? {};
    assert.deepEqual(
      [assignmentId, phase],
      ["r1/1/revert", fails === "in its soak" ? "failed" : "rejected"],
      fails,
    );
    fed.node.down.clear();
    await fed.pass();
    assert.equal(fed.port, "5000", fails);
    assert.equal((await fed.memory()).selected?.digest, good.digest, fails);
  }
});

test("where SOAKED needs it, a pull through the new mirror is waited for", async (t) => {
  const fed = await fedNode(t);
  await fed.assign(fed.sign({ desiredState: text(5000) }), { needsObserved: true });
  await fed.pass();
  fed.node.clock.advance(10 * SOAK);
  await fed.pass();
  assert.deepEqual(fed.phases, ["verified", "applied"]);
  fed.verdict("mirrored");
  await fed.tick();
  assert.deepEqual(fed.phases, ["verified", "applied", "observed", "soaked"]);
  // gcr.io is an entry of this form, always.
  assert.deepEqual(
    fed.answer?.items.map(({ phase, evidence }) => [phase, evidence]),
    [
      ["observed", "trace"],
      ["observed", "trace"],
    ],
  );
});

test("HOLD stops what has not begun, and nothing else", async (t) => {
  const fed = await fedNode(t);
  const one = fed.sign({ desiredState: text(5000) });
  await fed.assign(one, { spreadMs: 1_000_000_000 });
  await fed.assign(one, { id: "r1/1/hold", mode: "hold" });
  fed.node.clock.advance(1_000_000_000);
  await fed.pass();
  assert.equal(fed.port, undefined);
  // It was chosen for the next pass, and that has not been.
  await fed.assign(one, { id: "r1/2/apply" });
  await fed.assign(one, { id: "r1/2/hold", mode: "hold" });
  await fed.pass();
  assert.equal(fed.port, undefined);
  await fed.assign(one, { id: "r1/3/apply" });
  await fed.pass();
  await fed.assign(one, { id: "r1/3/hold", mode: "hold" });
  await fed.pass();
  assert.equal(fed.port, "5000");
  fed.node.clock.advance(SOAK);
  await fed.pass();
  assert.equal(fed.answer?.phase, "soaked");
});

test("a newer assignment takes the place of what has not begun, also one that is answered or under way", async (t) => {
  for (const isSoaked of [true, false]) {
    const fed = await fedNode(t);
    const one = fed.sign({ desiredState: text(5000) });
    await fed.assign(one, { id: "first" });
    await fed.pass();
    if (isSoaked) fed.node.clock.advance(SOAK);
    await fed.pass();
    const two = fed.sign({ serial: 13, desiredState: text(5001) });
    await fed.assign(two, { id: "second", spreadMs: 1_000_000_000 });
    await fed.assign(one, { id: "first" });
    assert.deepEqual(
      [fed.answer?.assignmentId, fed.answer?.phase],
      ["first", isSoaked ? "soaked" : "applied"],
    );
    fed.node.clock.advance(1_000_000_000);
    await fed.pass();
    assert.equal(fed.port, "5000");
  }
});

test("a stream that ends takes with it what has not begun; what has begun goes on without the feed", async (t) => {
  const fed = await fedNode(t);
  const one = fed.sign({ desiredState: text(5000) });
  await fed.assign(one, { spreadMs: 1_000_000_000 });
  await fed.disconnect();
  fed.node.clock.advance(1_000_000_000);
  await fed.pass();
  assert.equal(fed.port, undefined);
  await fed.connect();
  await fed.assign(one);
  assert.deepEqual(fed.phases, ["verified"], "said on this stream, too");
  await fed.disconnect();
  await fed.pass();
  fed.node.clock.advance(SOAK);
  await fed.pass();
  assert.equal(fed.port, "5000");
  await fed.connect();
  assert.deepEqual(fed.phases, ["soaked"], "what it missed is said on the next stream");
  fed.keeper.listener.received({ kind: "ack", throughSeq: 1 });
  await fed.connect();
  assert.deepEqual(fed.phases, []);
});

test("a process that ends in the soak is followed by one that goes on; a reboot begins the soak anew", async (t) => {
  const fed = await fedNode(t);
  const one = fed.sign({ desiredState: text(5000) });
  await fed.assign(one);
  await fed.pass();
  fed.node.clock.advance(SOAK / 2);
  await fed.restart();
  assert.deepEqual(fed.phases, ["applied"]);
  await fed.pass();
  fed.node.clock.advance(SOAK / 2);
  await fed.pass();
  assert.deepEqual(fed.phases, ["applied", "soaked"]);
});

test("while a pin is there what runs stays, by hand or by the feed, and what is assigned begins after it", async (t) => {
  const fed = await fedNode(t);
  await fed.assign(fed.sign({ desiredState: text(5000) }));
  await fed.pass();
  fed.node.clock.advance(SOAK);
  await fed.pass();
  fed.node.write(PIN, "INC-7: mirror 5001 loses layers\n");
  await fed.assign(fed.sign({ serial: 13, desiredState: text(5001) }));
  const { phase, error } = fed.answer ?? {};
  assert.deepEqual([phase, error?.code], ["held", "pinned"]);
  assert.match(error?.message ?? "", /INC-7: mirror 5001 loses layers/);
  const pinned = await fed.pass();
  assert.deepEqual(
    pinned.conditions.map(({ type }) => type),
    ["Ready", "Pinned"],
  );
  assert.equal(pinned.signed?.serial, 12);
  assert.equal(fed.reports.at(-1)?.state.source, "pinned", "which is said without being asked");
  fed.node.write(
    "/etc/containerd/certs.d/quay.io/hosts.toml",
    "# Owned by mirrorlet; edit the desired state instead.\n",
  );
  assert.equal((await fed.pass()).outcome, "repaired");
  assert.equal(fed.port, "5000");
  // Somebody's own choice for the night, by mirrorlet apply: it stays, too.
  const own = fed.sign({ serial: 11, desiredState: text(5002) });
  await runPass(fed.contextOf(own));
  assert.equal((await fed.pass()).outcome, "unchanged");
  assert.equal(fed.port, "5002");
  assert.equal(fed.reports.at(-1)?.state.running?.serial, 11);
  rm(fed, PIN);
  await fed.tick();
  await fed.pass();
  assert.equal(fed.port, "5001");
});

test("what is shown as held is what is held, and only while it is", async (t) => {
  const fed = await fedNode(t);
  fed.node.write("/etc/mirrorlet/freeze", "");
  await fed.assign(fed.sign({ desiredState: text(5000) }), { id: "first" });
  const shown = () => {
    const { id, phase, held } = fed.keeper.standing().assignment ?? {};
    return [id, phase, held !== undefined];
  };
  assert.deepEqual(shown(), ["first", "held", true]);
  rm(fed, "/etc/mirrorlet/freeze");
  await fed.tick();
  assert.deepEqual(shown(), ["first", "verified", false]);
  await fed.pass();
  await fed.assign(fed.sign({ serial: 13 }), { id: "second/hold", mode: "hold" });
  assert.deepEqual(shown(), ["first", "applied", false]);
});

test("frozen and not yet valid are HELD, and begin by themselves", async (t) => {
  const fed = await fedNode(t);
  const fromMs = fed.node.clock.now() + 5_000;
  fed.node.write("/etc/mirrorlet/freeze", "");
  await fed.assign(fed.sign({ desiredState: text(5000), notBeforeMs: fromMs - (fromMs % 1000) }));
  assert.equal(fed.answer?.error?.code, "frozen");
  rm(fed, "/etc/mirrorlet/freeze");
  await fed.tick();
  assert.equal(fed.answer?.error?.code, "signed-not-before");
  fed.node.clock.advance(5_000);
  await fed.pass();
  assert.equal(fed.port, "5000");
});

test("what waits goes on waiting while the disk cannot be read, and begins by itself", async (t) => {
  const fed = await fedNode(t);
  await fed.assign(fed.sign({ desiredState: text(5000) }), { spreadMs: 1_000_000_000 });
  const pin = `${fed.node.root}${PIN}`;
  mkdirSync(pin, { recursive: true });
  fed.node.clock.advance(1_000_000_000);
  assert.equal(await fed.ring(), true);
  assert.deepEqual(fed.triggers, []);
  rmSync(pin, { recursive: true });
  assert.equal(await fed.ring(), true, "there is a timer again");
  assert.deepEqual(fed.triggers, ["the feed has assigned a document"]);
});

test("a preflight tells what would be, mirror by mirror, and touches nothing", async (t) => {
  const fed = await fedNode(t);
  const before = fed.node.snapshot();
  const one = fed.sign({
    desiredState: `${text(5000)}- endpoint: http://127.0.0.1:5001\n  hosts: [ghcr.io]\n`,
  });
  await fed.assign(one, { id: "r1/1/preflight", mode: "preflight" });
  await until(fed, "preflight-ok");
  assert.deepEqual(
    fed.answer?.items.map(({ namespace, phase }) => [namespace, phase]),
    [
      ["gcr.io", "preflight-ok"],
      ["quay.io", "preflight-ok"],
      ["ghcr.io", "preflight-ok"],
    ],
  );
  fed.node.down.add("127.0.0.1:5001");
  await fed.assign(one, { id: "r1/2/preflight", mode: "preflight" });
  await until(fed, "preflight-failed");
  const { error, items } = fed.answer ?? {};
  assert.deepEqual([error?.code, error?.item], ["mirror-connect", "ghcr.io"]);
  assert.deepEqual(
    items?.map(({ phase }) => phase),
    ["preflight-ok", "preflight-ok", "preflight-failed"],
  );
  fed.node.write("/etc/containerd/certs.d/quay.io/hosts.toml", "# by hand\n");
  fed.node.down.clear();
  await fed.assign(one, { id: "r1/3/preflight", mode: "preflight" });
  await until(fed, "preflight-failed");
  assert.equal(fed.answer?.error?.code, "conflict");
  rm(fed, "/etc/containerd/certs.d/quay.io/hosts.toml");
  const after = fed.node.snapshot();
  for (const path of Object.keys(after)) if (!(path in before)) assert.match(path, /certs\.d/);
  assert.equal(after[CONFIG], before[CONFIG]);
  assert.deepEqual(fed.triggers, []);
});

test("an assignment that was answered is put in force again where its content runs no more", async (t) => {
  const fed = await fedNode(t);
  const [one, two] = [
    fed.sign({ desiredState: text(5000) }),
    fed.sign({ serial: 13, desiredState: text(5001) }),
  ];
  for (const signed of [one, two, one]) {
    await fed.assign(signed);
    await fed.pass();
    fed.node.clock.advance(SOAK);
    await fed.pass();
    assert.equal(fed.answer?.phase, "soaked");
  }
  assert.equal(fed.port, "5000");
  const { length } = fed.triggers;
  await fed.assign(one);
  assert.equal(fed.triggers.length, length, "it runs: the answer is given, nothing is done");
  assert.equal(fed.answer?.phase, "soaked");
});

test("a node begins with its own file, leaves it for the feed, and does not come back to it when the feed is lost", async (t) => {
  const fed = await fedNode(t);
  fed.file = fed.sign({ serial: 11, desiredState: text(4000) }).envelope;
  await fed.pass();
  assert.equal(fed.port, "4000");
  assert.equal((await fed.keeper.listener.hello()).state.source, "file");
  await fed.assign(fed.sign({ desiredState: text(5000) }));
  await fed.pass();
  fed.node.clock.advance(SOAK);
  await fed.pass();
  assert.equal(fed.port, "5000");
  await fed.disconnect();
  fed.file = fed.sign({ serial: 14, desiredState: text(4001) }).envelope;
  await fed.restart();
  await fed.pass();
  assert.equal(fed.port, "5000");
  // What it knows of the feed is gone.
  fed.node.write("/var/lib/mirrorlet/feed/memory.json", "torn");
  await fed.restart();
  const kept = await fed.pass();
  assert.equal(fed.port, "5000");
  assert.equal(kept.conditions[0]?.type, "Ready");
  assert.equal((await fed.keeper.listener.hello()).state.running, undefined, "so that it is sent again");
});

test("a document that is gone from the disk changes nothing, and is asked for again", async (t) => {
  const fed = await fedNode(t);
  const one = fed.sign({ desiredState: text(5000) });
  await fed.assign(one);
  await fed.pass();
  fed.node.clock.advance(SOAK);
  await fed.pass();
  rm(fed, `/var/lib/mirrorlet/feed/${one.digest}.signed.json`);
  assert.equal((await fed.pass()).conditions[0]?.type, "Ready");
  const hello = await fed.keeper.listener.hello();
  assert.deepEqual([hello.state.running, hello.cached], [undefined, []]);
  await fed.assign(one);
  await fed.pass();
  assert.equal((await fed.keeper.listener.hello()).state.running?.digest, one.digest);
});

test("what a stream has brought is here for later assignments; what is not asks for a new stream", async (t) => {
  const fed = await fedNode(t);
  const one = fed.sign({ desiredState: text(5000) });
  await fed.assign(one, { id: "r1/1/preflight", mode: "preflight" });
  await until(fed, "preflight-ok");
  await fed.assign(one, { envelope: undefined });
  await fed.pass();
  assert.equal(fed.port, "5000");
  assert.deepEqual(fed.renewed, []);
  const { length } = fed.reports;
  await fed.assign({ digest: "11".repeat(32), envelope: new Uint8Array() }, { id: "x", envelope: undefined });
  assert.deepEqual(fed.renewed, ["a document was not sent that is not here any more"]);
  assert.equal(fed.reports.length, length, "it is not an answer");
  for (let serial = 20; serial < 60; serial++) await fed.assign(fed.sign({ serial }), { id: `p/${serial}` });
  const { cached } = await fed.keeper.listener.hello();
  assert.ok(cached.length <= 4, `${cached.length} documents stay`);
});

test("a copy that is damaged is no answer: it goes, and the document is asked for", async (t) => {
  const fed = await fedNode(t);
  const one = fed.sign({ desiredState: text(5000) });
  for (const [id, mode] of [
    ["r1/1/preflight", "preflight"],
    ["r1/1/apply", "apply"],
  ] as const) {
    fed.renewed.length = 0;
    await fed.store.saveDocument(one.digest, one.envelope.slice(0, -40));
    await fed.assign(one, { id, mode, envelope: undefined });
    assert.deepEqual(fed.renewed, ["a document that was kept here is not good any more"]);
    assert.deepEqual(fed.phases, []);
    assert.deepEqual(await fed.store.listDocuments(), []);
  }
  // One that was good when it came may be another when its time has come.
  const keys = fed.keys;
  await fed.store.saveDocument(one.digest, one.envelope);
  await fed.assign(one, { id: "late", envelope: undefined, spreadMs: 60_000 });
  assert.deepEqual(fed.phases, ["verified"]);
  fed.keys = [testKey(9)];
  fed.node.clock.advance(60_000);
  await fed.tick();
  assert.deepEqual([fed.phases, fed.renewed.length], [["verified"], 2]);
  fed.keys = keys;
  await fed.assign(one, { id: "r1/1/apply" });
  await fed.pass();
  assert.equal(fed.port, "5000");
});

test("what somebody has written into the state directory is checked as if it had just come", async (t) => {
  const fed = await fedNode(t);
  await fed.assign(fed.sign({ desiredState: text(5000) }));
  await fed.pass();
  fed.node.clock.advance(SOAK);
  await fed.pass();
  const memory = await fed.memory();
  const forged = [
    fed.sign({ serial: 13, desiredState: text(6666) }, [testKey(9)]),
    fed.sign({ serial: 13, fleet: "test", desiredState: text(6666) }),
    fed.sign({ serial: 9, floorSerial: 1, desiredState: text(6666) }),
  ];
  for (const { digest, envelope } of forged) {
    await fed.store.saveDocument(digest, envelope);
    await fed.store.save({ ...memory, selected: { digest, serial: 99, isSoaked: true } });
    await fed.restart();
    const report = await fed.pass();
    assert.equal(report.outcome, "rejected");
    assert.equal(fed.port, "5000");
  }
  await fed.store.save({ ...memory, selected: { digest: "../../etc/shadow", serial: 1, isSoaked: true } });
  await fed.restart();
  await fed.pass();
  assert.equal(fed.port, "5000");
});

test("wherever the disk fails or the process ends, the next one goes on, and there is one answer", async (t) => {
  let failures = 0;
  for (let failAt = 1; failAt < 14; failAt++) {
    const fed = await fedNode(t);
    await fed.assign(fed.sign({ desiredState: text(5000) }), { id: "first" });
    await fed.pass();
    fed.node.clock.advance(SOAK);
    await fed.pass();
    const two = fed.sign({ serial: 13, desiredState: text(5001) });
    fed.failWriteAt(failAt);
    const answers: string[] = [];
    for (let turn = 0; turn < 12; turn++) {
      // The server offers it on each stream until it has its answer.
      if (!answers.includes("soaked"))
        await fed.assign(two, { id: "second", ...(turn > 0 && { envelope: two.envelope }) });
      await fed.pass();
      fed.node.clock.advance(SOAK / 2);
      const finals = fed.reports.filter(
        ({ assignmentId, phase }) => assignmentId === "second" && phase === "soaked",
      );
      if (finals.length > 0 && !answers.includes("soaked")) answers.push("soaked");
      if (fed.hasFailed() && failures < failAt) {
        failures = failAt;
        await fed.restart();
      }
    }
    assert.equal(fed.port, "5001", `write ${failAt}`);
    assert.deepEqual(answers, ["soaked"], `write ${failAt}`);
    const memory = await fed.memory();
    assert.equal(memory.task, undefined);
    assert.equal(memory.good?.digest, two.digest);
    assert.equal(memory.answers.filter(({ assignmentId }) => assignmentId === "second").length, 1);
  }
  assert.ok(failures >= 4, "writes were reached");
});

test("what restore forgets is also what the feed has said", async (t) => {
  const fed = await fedNode(t);
  await fed.assign(fed.sign({ desiredState: text(5000) }));
  await fed.pass();
  await fed.node.context().state.clear();
  assert.deepEqual(await fed.memory(), { answers: [], rejections: [] });
  assert.deepEqual(await fed.store.listDocuments(), []);
});

test("unsigned only where agent.toml says so, and never for another fleet", async (t) => {
  const fed = await fedNode(t);
  fed.keys = [];
  await fed.assign(fed.sign({ desiredState: text(5000) }), { id: "a" });
  assert.equal(fed.answer?.error?.code, "unsigned");
  fed.mayBeUnsigned = true;
  await fed.restart();
  await fed.assign(fed.sign({ fleet: "test", desiredState: text(5000) }), { id: "b" });
  assert.equal(fed.answer?.error?.code, "signed-fleet");
  const one = fed.sign({ desiredState: text(5000) });
  await fed.assign(one, { id: "c" });
  await fed.pass();
  assert.equal(fed.port, "5000");
  assert.equal(fed.answer?.state.running?.digest, one.digest);
  for (const endpoint of ["http://mirror.example:5000", "https://mirror.example\n  skipTLSVerify: true"]) {
    const desiredState = `registryMirrors:\n- endpoint: ${endpoint}\n  hosts: [quay.io]\n`;
    await fed.assign(fed.sign({ serial: 13, desiredState }), { id: endpoint.slice(0, 5) });
    await fed.pass();
    assert.deepEqual([fed.answer?.phase, fed.answer?.error?.code], ["rejected", "feed-insecure"]);
    await fed.pass();
    assert.equal(fed.port, "5000");
  }
});

test("what the feed does to a node is what the same document in a file does, byte for byte", async (t) => {
  const [fed, filed] = [await fedNode(t), await fedNode(t)];
  for (const [index, port] of [5000, 5001, 5002].entries()) {
    const signed = fed.sign({ serial: 12 + index, desiredState: text(port) });
    await fed.assign(signed);
    const byFeed = await fed.pass();
    fed.node.clock.advance(SOAK);
    await fed.pass();
    filed.file = signed.envelope;
    const byFile = await filed.pass();
    assert.deepEqual(byFeed.done, byFile.done);
    assert.deepEqual(fed.node.snapshot(), filed.node.snapshot());
  }
  assert.equal(fed.node.containerd.restarts, filed.node.containerd.restarts);
});

function rm({ node }: { readonly node: { readonly root: string } }, path: string): void {
  rmSync(`${node.root}${path}`);
}

async function until(
  fed: { readonly answer: { readonly phase: string | undefined } | undefined; tick(): Promise<void> },
  phase: string,
): Promise<void> {
  for (let turn = 0; turn < 500 && fed.answer?.phase !== phase; turn++) {
    await setImmediate();
    await fed.tick();
  }
  assert.equal(fed.answer?.phase, phase);
}
