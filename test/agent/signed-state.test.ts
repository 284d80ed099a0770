import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { loadWanted } from "../../src/agent/load-wanted.ts";
import type { PassContext } from "../../src/agent/pass-context.ts";
import { createLoadMemory } from "../../src/agent/remember-loaded.ts";
import type { PassReport } from "../../src/agent/report.ts";
import { restore } from "../../src/agent/restore.ts";
import { TRIAL_MS } from "../../src/agent/trial.ts";
import type { SignedState } from "../../src/core/signing/signed-state.ts";
import { inspectCertificates } from "../../src/host/certificates.ts";
import { verifyEd25519 } from "../../src/host/ed25519.ts";
import { DAY, signDocument, signedState, type TestKey, testKey } from "../core/signing/sign.ts";
import { desired } from "./desired.ts";
import { CERTS_D, CONFIG, createTestNode, type TestNode } from "./test-node.ts";

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const [anna, ben] = [testKey(1), testKey(2)];
const FLOORS = "/var/lib/mirrorlet/serial-floors.json";
const RECORD = "/var/lib/mirrorlet/apply-record.json";
const HOSTS = `${CERTS_D}/quay.io/hosts.toml`;

const text = (port: number): string =>
  `registryMirrors:\n- endpoint: http://127.0.0.1:${port}\n  hosts: [quay.io]\n`;

const READS_CERTS_D = `version = 3\n[plugins."io.containerd.cri.v1.images".registry]\nconfig_path = "${CERTS_D}"\n`;

interface Site {
  readonly node: TestNode;
  keys: readonly TestKey[];
  unsignedFiles: boolean;
  /** As the file is read by a pass. */
  load(document: Uint8Array): PassContext["load"];
  /** A pass with this document as the file. */
  give(document: Uint8Array, overrides?: Partial<PassContext>): Promise<PassReport>;
  /** A pass with a document that Anna has signed now. */
  sign(overrides: Partial<SignedState>, pass?: Partial<PassContext>): Promise<PassReport>;
  readonly port: string | undefined;
}

/** containerd reads certs.d already, unless its config.toml has to be changed first. */
function site(t: TestContext, config = READS_CERTS_D): Site {
  const node = createTestNode();
  t.after(() => node.remove());
  node.write(CONFIG, config);
  const understand = createLoadMemory(sha256);
  return {
    node,
    keys: [anna],
    unsignedFiles: false,
    give(bytes, overrides) {
      return node.pass("", { load: this.load(bytes), ...overrides });
    },
    load(bytes) {
      const { ports, state } = node.context();
      const { keys, unsignedFiles } = this;
      const trust = keys.length === 0 ? undefined : { keys, threshold: 1 };
      const self = { id: "n1", fleet: "prod", channel: "stable", labels: {} };
      return () =>
        loadWanted([{ name: "/etc/mirrorlet/s.json", bytes }], {
          expected: { trust, unsignedFiles, node: self },
          signing: { verifyEd25519, sha256 },
          state,
          understand,
          load: { files: ports.files, clock: ports.clock, certificates: inspectCertificates },
          at: { file: "/etc/mirrorlet/s.json", line: 1, column: 1 },
          keyFiles: ["/etc/mirrorlet/anna.pub"],
        });
    },
    sign(overrides, pass) {
      const expiresMs = node.clock.now() + 30 * DAY;
      return this.give(signDocument(signedState({ expiresMs, ...overrides }), [anna]), pass);
    },
    get port() {
      return /127\.0\.0\.1:(\d+)/.exec(node.read(HOSTS) ?? "")?.[1];
    },
  };
}

const types = ({ conditions }: PassReport): readonly string[] => conditions.map(({ type }) => type);
const codes = ({ issues }: PassReport): readonly string[] => issues.map(({ code }) => code);

function refused(report: PassReport, code: string, message?: RegExp): void {
  assert.equal(report.outcome, "rejected");
  assert.deepEqual(codes(report), [code]);
  const [condition] = report.conditions;
  assert.equal(condition?.type, "Stalled");
  assert.match(condition.message, new RegExp(`\\(${code}\\)`));
  if (message !== undefined) assert.match(condition.message, message);
}

test("a signed state is put in force; serial, digest, keys and expiry are reported, and the floor rises", async (t) => {
  const here = site(t);
  const report = await here.sign({ desiredState: text(5000), serial: 12, floorSerial: 10 });
  assert.deepEqual([report.outcome, types(report), here.port], ["applied", ["Ready"], "5000"]);
  assert.deepEqual(report.inputs, ["/etc/mirrorlet/anna.pub"]);
  const { serial, floor, keyIds, digest, expiresMs } = report.signed ?? {};
  assert.deepEqual({ serial, floor, keyIds }, { serial: 12, floor: 10, keyIds: [anna.keyId] });
  assert.equal(expiresMs, here.node.clock.now() + 30 * DAY);
  assert.match(digest ?? "", /^[0-9a-f]{64}$/);
  assert.match(here.node.read(FLOORS) ?? "", /"prod\/stable":10/);
});

test("the same again changes nothing, be it signed anew; what is reported is the new one", async (t) => {
  const here = site(t);
  await here.sign({ desiredState: text(5000), serial: 12, floorSerial: 10 });
  const before = here.node.snapshot();
  const records = [here.node.read(RECORD), here.node.read(FLOORS)];
  const again = await here.sign({ desiredState: text(5000), serial: 12, floorSerial: 10 });
  assert.equal(again.outcome, "unchanged");
  assert.deepEqual([here.node.read(RECORD), here.node.read(FLOORS)], records);
  const anew = await here.sign({ desiredState: text(5000), serial: 13, floorSerial: 12 });
  assert.deepEqual([anew.outcome, anew.signed?.serial, anew.signed?.floor], ["unchanged", 13, 12]);
  assert.deepEqual(here.node.snapshot(), before);
});

test("a replay below the floor is refused and the last good stands; a revert above it is taken", async (t) => {
  const here = site(t);
  const old = { desiredState: text(5009), serial: 9, floorSerial: 1 };
  await here.sign(old);
  await here.sign({ desiredState: text(5012), serial: 12, floorSerial: 10 });
  const replay = await here.sign(old);
  refused(replay, "signed-serial", /serial 9 is below 10/);
  assert.deepEqual([here.port, replay.signed?.serial], ["5012", 12]);
  assert.equal(
    (await here.sign({ desiredState: text(5010), serial: 10, floorSerial: 2 })).outcome,
    "applied",
  );
  assert.equal(here.port, "5010");
  refused(await here.sign(old), "signed-serial", /below 10/);
});

test("the floor rises only once the state is in force and well", async (t) => {
  const here = site(t);
  await here.sign({ desiredState: text(5001), serial: 1, floorSerial: 1 });
  const foreign = `${CERTS_D}/gcr.io/hosts.toml`;
  here.node.write(foreign, "# somebody's\n");
  const two = {
    desiredState: text(5002).replace("[quay.io]", "[quay.io, gcr.io]"),
    serial: 2,
    floorSerial: 2,
  };
  const stuck = await here.sign(two);
  assert.ok(!types(stuck).includes("Ready"), types(stuck).join());
  assert.deepEqual([stuck.signed?.serial, stuck.signed?.floor], [2, 1]);
  assert.match(here.node.read(FLOORS) ?? "", /"prod\/stable":1\b/);
  assert.equal((await here.sign({ desiredState: text(5001), serial: 1, floorSerial: 1 })).outcome, "applied");
  const adopted = await here.sign(two, { adopt: true });
  assert.deepEqual([types(adopted), adopted.signed?.floor], [["Ready"], 2]);
  refused(await here.sign({ desiredState: text(5001), serial: 1, floorSerial: 1 }), "signed-serial");
});

test("the floor waits for the trial of a restart; what is taken back then leaves the state before it signed", async (t) => {
  const here = site(t, "version = 3\n");
  const { node } = here;
  node.containerd.unit = { is: "running", restarts: 0 };
  const five = { desiredState: text(5005), serial: 5, floorSerial: 5 };
  const first = await here.sign(five);
  assert.deepEqual([types(first), first.signed?.floor], [["Ready"], 0]);
  assert.equal(node.read(FLOORS), undefined);
  node.clock.advance(TRIAL_MS);
  assert.equal((await here.sign(five)).signed?.floor, 5);

  // A credential that has to be in config.toml.
  node.bearer.add("127.0.0.1:5006");
  node.write("/etc/mirrorlet/password", "secret\n", 0o600);
  const credential =
    "  allowInsecureCredentials: true\n  pullCredential: {username: u, passwordFile: /etc/mirrorlet/password}\n";
  const six = { desiredState: text(5006) + credential, serial: 6, floorSerial: 6 };
  const changed = await here.sign(six);
  assert.deepEqual([types(changed), changed.signed?.serial, changed.signed?.floor], [["Ready"], 6, 5]);
  node.containerd.unit = { is: "dying", restarts: 0 };
  const back = await here.sign(six);
  assert.ok(types(back).includes("RolledBack"), types(back).join());
  assert.deepEqual([back.signed?.serial, back.signed?.floor], [5, 5]);
  assert.match(node.read(FLOORS) ?? "", /"prod\/stable":5\b/);
});

test("a refused document raises no floor", async (t) => {
  const here = site(t);
  await here.sign({ desiredState: text(5000), serial: 5, floorSerial: 5 });
  refused(await here.sign({ serial: 90, floorSerial: 90, fleet: "test" }), "signed-fleet");
  refused(await here.sign({ serial: 90, floorSerial: 90, channel: "canary" }), "signed-channel");
  refused(await here.sign({ serial: 90, floorSerial: 90, audience: { nodes: ["n2"] } }), "signed-audience");
  const wrong = await here.sign({ serial: 90, floorSerial: 90, desiredState: "registryMirror: []\n" });
  assert.deepEqual(codes(wrong), ["unknown-key"]);
  assert.match(
    wrong.conditions[0]?.message ?? "",
    /^\/etc\/mirrorlet\/s\.json \(signed desired-state\.yaml\):1:1: /,
  );
  assert.match(here.node.read(FLOORS) ?? "", /"prod\/stable":5\b/);
  assert.equal(here.port, "5000");
});

test("the floor is kept twice: without its file the record holds it, without the record the file", async (t) => {
  const here = site(t);
  const { node } = here;
  await here.sign({ desiredState: text(5012), serial: 12, floorSerial: 10 });
  const old = { desiredState: text(5009), serial: 9, floorSerial: 9 };
  rmSync(join(node.root, FLOORS));
  refused(await here.sign(old), "signed-serial");
  assert.equal(
    (await here.sign({ desiredState: text(5012), serial: 12, floorSerial: 10 })).outcome,
    "unchanged",
  );
  assert.match(node.read(FLOORS) ?? "", /"prod\/stable":10/, "made anew");
  for (const damage of [
    () => rmSync(join(node.root, RECORD)),
    () => writeFileSync(join(node.root, RECORD), "x"),
  ]) {
    damage();
    refused(await here.sign(old), "signed-serial");
  }
});

test("a damaged floor: the record's counts; where there is none nothing signed is taken until somebody looks", async (t) => {
  const here = site(t);
  const { node } = here;
  const twelve = { desiredState: text(5012), serial: 12, floorSerial: 10 };
  await here.sign(twelve);
  const whole = readFileSync(join(node.root, FLOORS));
  writeFileSync(join(node.root, FLOORS), whole.toString().replace("10", "01"));
  refused(await here.sign({ ...twelve, serial: 9, floorSerial: 9 }), "signed-serial");
  assert.equal((await here.sign(twelve)).outcome, "unchanged");
  assert.equal(readFileSync(join(node.root, FLOORS)).equals(whole), true, "healed from the record");

  writeFileSync(join(node.root, FLOORS), whole.subarray(0, -3));
  writeFileSync(join(node.root, RECORD), "");
  const fifteen = { desiredState: text(5015), serial: 15, floorSerial: 10 };
  refused(await here.sign(fifteen), "signed-floor-damaged", /remove that file/);
  assert.equal(here.port, "5012", "the last good stands");
  rmSync(join(node.root, FLOORS));
  assert.equal((await here.sign(fifteen)).outcome, "applied");
  assert.equal(here.port, "5015");
});

test("a damaged floor hides no worse fault: who has not signed is told first", async (t) => {
  const here = site(t);
  here.node.write(FLOORS, "nonsense");
  here.keys = [ben];
  refused(await here.sign({}), "signature-insufficient");
});

test("a floor too high for any serial: without its file and the record it begins anew, and nothing else is lost", async (t) => {
  const here = site(t);
  const { node } = here;
  const highest = Number.MAX_SAFE_INTEGER;
  await here.sign({ desiredState: text(5012), serial: highest, floorSerial: highest });
  const fresh = { desiredState: text(5013), serial: 13, floorSerial: 1 };
  refused(await here.sign(fresh), "signed-serial");
  rmSync(join(node.root, FLOORS));
  refused(await here.sign(fresh), "signed-serial", /below 9007199254740991/);
  rmSync(join(node.root, RECORD));
  const report = await here.sign(fresh);
  assert.deepEqual([report.outcome, types(report), report.restarts], ["applied", ["Ready"], []]);
  assert.deepEqual([here.port, report.signed?.floor], ["5013", 1]);
});

test("restore forgets all but the floor", async (t) => {
  const here = site(t);
  await here.sign({ desiredState: text(5012), serial: 12, floorSerial: 10 });
  await restore(here.node.context());
  assert.equal(here.node.read(RECORD), undefined);
  refused(await here.sign({ desiredState: text(5009), serial: 9, floorSerial: 9 }), "signed-serial");
});

test("not yet valid: refused, tried again at that time, and taken then", async (t) => {
  const here = site(t);
  const state = { desiredState: text(5000), notBeforeMs: here.node.clock.now() + 90_000 };
  const early = await here.sign(state);
  refused(early, "signed-not-before", /this node's clock says 2023-/);
  assert.equal(early.retryMs, 90_000);
  here.node.clock.advance(90_000);
  assert.equal((await here.sign(state)).outcome, "applied");
});

test("expired: what is in force stays, is repaired and says so; nothing new comes in", async (t) => {
  const here = site(t);
  const { clock } = here.node;
  const twelve = { desiredState: text(5012), serial: 12, expiresMs: clock.now() + DAY };
  await here.sign(twelve);
  clock.advance(DAY);
  const over = await here.sign(twelve);
  assert.deepEqual([over.outcome, types(over)], ["unchanged", ["Ready", "Expired"]]);
  assert.match(
    over.conditions[1]?.message ?? "",
    /was signed until .*Z, and this node's clock says .*Z: it stays in force/,
  );
  rmSync(join(here.node.root, HOSTS));
  assert.equal((await here.sign(twelve)).outcome, "repaired");
  const late = await here.sign({ desiredState: text(5013), serial: 13, expiresMs: clock.now() - 1 });
  refused(late, "signed-expired", /this node's clock says/);
  assert.deepEqual(types(late), ["Stalled", "Expired"]);
  assert.equal(here.port, "5012");
  const fresh = await here.sign({ desiredState: text(5012), serial: 14, expiresMs: clock.now() + DAY });
  assert.deepEqual([fresh.outcome, types(fresh)], ["unchanged", ["Ready"]]);
});

test("with keys an unsigned file is refused, unless agent.toml says otherwise", async (t) => {
  const here = site(t);
  await here.sign({ desiredState: text(5012), serial: 12, floorSerial: 12 });
  const plain = new TextEncoder().encode(text(5099));
  refused(await here.give(plain), "unsigned");
  assert.equal(here.port, "5012");
  here.unsignedFiles = true;
  const report = await here.give(plain);
  assert.deepEqual([report.outcome, report.signed, here.port], ["applied", undefined, "5099"]);
  refused(await here.sign({ desiredState: text(5009), serial: 9, floorSerial: 1 }), "signed-serial");
  here.keys = [];
  assert.equal((await here.give(plain)).outcome, "unchanged");
});

test("without keys a signed file is refused: nobody would check; in words it is taken", async (t) => {
  const here = site(t);
  here.keys = [];
  refused(await here.sign({ desiredState: text(5000) }), "signed-unchecked");
  here.unsignedFiles = true;
  const report = await here.sign({ desiredState: text(5000) });
  assert.deepEqual(
    [report.outcome, report.signed, codes(report)],
    ["applied", undefined, ["signed-unchecked"]],
  );
  assert.equal(here.node.read(FLOORS), undefined);
});

test("a key that is not trusted any more takes nothing down, and signs nothing new", async (t) => {
  const here = site(t);
  await here.sign({ desiredState: text(5012), serial: 12 });
  here.keys = [ben];
  refused(await here.sign({ desiredState: text(5013), serial: 13 }), "signature-insufficient");
  refused(await here.sign({ desiredState: text(5012), serial: 12 }), "signature-insufficient");
  assert.equal(here.port, "5012");
});

test("a dry run refuses the same, and writes nothing", async (t) => {
  const here = site(t);
  const document = (state: Partial<SignedState>) =>
    signDocument(signedState({ expiresMs: here.node.clock.now() + DAY, ...state }), [anna]);
  const looking = (state: Partial<SignedState>) =>
    here.node.dryRun(desired(), { load: here.load(document(state)) });
  const fine = await looking({ desiredState: text(5000) });
  assert.deepEqual([fine.issues, fine.steps.length > 0], [[], true]);
  assert.equal(here.node.read(FLOORS), undefined);
  const other = await looking({ fleet: "test" });
  assert.deepEqual([other.issues.map(({ code }) => code), other.steps], [["signed-fleet"], []]);
});
