import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { runMirrorlet } from "../e2e/support/mirrorlet.ts";

const STATE = "registryMirrors:\n- endpoint: https://mirror.example:5000\n  hosts: [quay.io]\n";

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "mirrorlet-fleet-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  writeFileSync(join(path, "state.yaml"), STATE);
  return path;
}

const fleet = (...args: readonly string[]) => runMirrorlet(["fleet", ...args]);
const usual = ["--serial", "12", "--fleet", "prod"] as const;

async function withKey(t: TestContext, name = "anna") {
  const dir = folder(t);
  const at = (file: string): string => join(dir, file);
  const made = await fleet("keygen", "--out", at(`${name}.key`));
  assert.equal(made.code, 0, made.stderr);
  const sign = (file: string, ...more: readonly string[]) =>
    fleet("sign", at(file), "--key", at(`${name}.key`), ...more);
  return { dir, at, sign, inline: made.stdout.trim(), made };
}

test("keygen: a private key that nobody else can read, its public one, and what agent.toml takes", async (t) => {
  const { at, inline, made } = await withKey(t);
  const [secret, open] = ["anna.key", "anna.key.pub"].map((file) => readFileSync(at(file), "utf8"));
  assert.match(secret ?? "", /^-----BEGIN PRIVATE KEY-----/);
  assert.match(open ?? "", /^-----BEGIN PUBLIC KEY-----/);
  assert.equal(statSync(at("anna.key")).mode & 0o777, 0o600);
  assert.match(inline, /^ed25519:[A-Za-z0-9+/]{43}=$/);
  assert.ok(made.stderr.includes(`keys = ["${inline}"]`));
  const body = secret?.split("\n")[1] ?? "";
  assert.ok(body.length > 60 && !(made.stdout + made.stderr).includes(body), "the key itself is not shown");
});

test("keygen never writes over a key, nor through a link, and leaves no half of a pair", async (t) => {
  const { at } = await withKey(t);
  const before = readFileSync(at("anna.key"));
  assert.equal((await fleet("keygen", "--out", at("anna.key"))).code, 1);
  assert.deepEqual(readFileSync(at("anna.key")), before);
  symlinkSync(at("elsewhere"), at("link"));
  assert.equal((await fleet("keygen", "--out", at("link"))).code, 1);
  assert.equal(existsSync(at("elsewhere")), false);
  writeFileSync(at("ben.key.pub"), "mine");
  const half = await fleet("keygen", "--out", at("ben.key"));
  assert.deepEqual(
    [half.code, existsSync(at("ben.key")), readFileSync(at("ben.key.pub"), "utf8")],
    [1, false, "mine"],
  );
});

test("sign and verify: what was written is what is signed, and who signed is told", async (t) => {
  const { at, sign, inline } = await withKey(t);
  const signed = await sign("state.yaml", ...usual, "-o", at("s.json"));
  assert.deepEqual([signed.code, signed.stdout], [0, ""], signed.stderr);
  const shown = await fleet("verify", at("s.json"), "--trust", inline, "--show");
  assert.deepEqual([shown.code, shown.stdout], [0, STATE]);
  assert.match(shown.stderr, /serial: +12, and once it is in force none below 1 any more/);
  assert.match(shown.stderr, /for: +all nodes/);
  const json = JSON.parse(
    (await fleet("verify", at("s.json"), "--trust", at("anna.key.pub"), "--json")).stdout,
  );
  assert.deepEqual(
    [json.schema, json.serial, json.fleet, json.channel, json.signatures.suffices, json.name],
    ["mirrorlet.fleet-verify/v1", 12, "prod", "stable", true, "state.yaml"],
  );
  assert.equal((await fleet("verify", at("s.json"))).code, 2, "nobody's signature was checked");
  await fleet("keygen", "--out", at("eve.key"));
  assert.equal((await fleet("verify", at("s.json"), "--trust", at("eve.key.pub"))).code, 1);
});

test("a second person adds a signature to the same bytes, in place, and twice is once", async (t) => {
  const { at, sign, inline } = await withKey(t);
  const ben = (await fleet("keygen", "--out", at("ben.key"))).stdout.trim();
  await sign("state.yaml", ...usual, "-o", at("s.json"));
  const payload = () => JSON.parse(readFileSync(at("s.json"), "utf8")).payload;
  const first = payload();
  for (const key of ["ben.key", "ben.key", "anna.key"]) {
    const again = await fleet("sign", at("s.json"), "--key", at(key), "-o", at("s.json"));
    assert.equal(again.code, 0, again.stderr);
  }
  assert.equal(payload(), first);
  const both = ["--trust", inline, "--trust", ben];
  assert.equal((await fleet("verify", at("s.json"), ...both, "--threshold", "2")).code, 0);
  assert.equal((await fleet("verify", at("s.json"), ...both, "--threshold", "3")).code, 1);
  assert.equal(JSON.parse(readFileSync(at("s.json"), "utf8")).signatures.length, 2);
  const more = await sign("s.json", "--serial", "13");
  assert.equal(more.code, 64);
  assert.match(more.stderr, /signed already: what it says is settled, --serial included/);
});

test("what a node would refuse is not signed", async (t) => {
  const { at, sign } = await withKey(t);
  const wrong = async (text: string, expected: RegExp) => {
    writeFileSync(at("wrong.yaml"), text);
    const end = await sign("wrong.yaml", ...usual, "-o", at("w.json"));
    assert.equal(end.code, 65);
    assert.match(end.stderr, expected);
    assert.match(end.stderr, /nothing was signed\n$/);
    assert.equal(existsSync(at("w.json")), false);
  };
  await wrong(STATE.replace("hosts", "host"), /wrong\.yaml:3:3: .*\(unknown-key\)/);
  await wrong("", /\(empty-input\)/);
  await wrong("a: [", /\(yaml-syntax\)/);
  await wrong(`# ${"x".repeat(3 * 2 ** 20)}\n${STATE}`, /more than the 4194304 that a node reads/);
});

test("files that are named are the nodes': told, and looked for where --root says", async (t) => {
  const { dir, at, sign } = await withKey(t);
  writeFileSync(at("state.yaml"), `${STATE}  caCertPath: /etc/mirrorlet/ca.crt\n`);
  const away = await sign("state.yaml", ...usual);
  assert.equal(away.code, 0, away.stderr);
  assert.match(
    away.stderr,
    /warning: the CA certificate .*ca\.crt does not exist.*see that the nodes have it/,
  );
  mkdirSync(join(dir, "node/etc/mirrorlet"), { recursive: true });
  writeFileSync(join(dir, "node/etc/mirrorlet/ca.crt"), "no certificate");
  const here = await sign("state.yaml", ...usual, "--root", join(dir, "node"));
  assert.equal(here.code, 65);
  assert.match(here.stderr, /\(certificate-invalid\)/);
});

test("several files are signed as one, and checked together", async (t) => {
  const { at, sign, inline } = await withKey(t);
  writeFileSync(
    at("more.json"),
    JSON.stringify({ registryMirrors: [{ endpoint: "https://m.example", hosts: ["ghcr.io"] }] }),
  );
  const signed = await sign("state.yaml", at("more.json"), ...usual, "-o", at("s.json"));
  assert.equal(signed.code, 0, signed.stderr);
  const settings = [`trust.keys=${inline}`, "node.fleet=prod"].flatMap((setting) => ["--set", setting]);
  const none = join(at("."), "none.toml");
  writeFileSync(none, "");
  const checked = await runMirrorlet(["validate", "--config", none, ...settings, at("s.json")]);
  assert.deepEqual([checked.code, checked.stdout], [0, ""], checked.stderr);
  assert.match(checked.stderr, /valid, 2 registries|valid, 3 registries/);
});

test("a key that others can get at does not sign, nor does what is no key of ours", async (t) => {
  const { at, sign } = await withKey(t);
  for (const mode of [0o640, 0o604, 0o660, 0o602]) {
    chmodSync(at("anna.key"), mode);
    const end = await sign("state.yaml", ...usual);
    assert.deepEqual([end.code, end.stdout], [1, ""]);
    assert.match(end.stderr, /others can get at it \(mode 06/);
  }
  chmodSync(at("anna.key"), 0o600);
  if (process.getuid?.() === 0) {
    chownSync(at("anna.key"), 12345, 0);
    assert.match((await sign("state.yaml", ...usual)).stderr, /belongs to user 12345/);
    chownSync(at("anna.key"), 0, 0);
  }
  const rsa = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey.export({
    format: "pem",
    type: "pkcs8",
  });
  const locked = generateKeyPairSync("ed25519").privateKey.export({
    format: "pem",
    type: "pkcs8",
    cipher: "aes-256-cbc",
    passphrase: "secret",
  });
  for (const [text, expected] of [
    [String(rsa), /a key of rsa, not of Ed25519/],
    [String(locked), /encrypted, and no passphrase is asked for/],
    ["-----BEGIN OPENSSH PRIVATE KEY-----\n", /key of OpenSSH/],
    ["", /no private key in PEM/],
    [readFileSync(at("anna.key.pub"), "utf8"), /no private key in PEM/],
  ] as const) {
    writeFileSync(at("other.key"), text, { mode: 0o600 });
    const end = await fleet("sign", at("state.yaml"), "--key", at("other.key"), ...usual);
    assert.equal(end.code, 1);
    assert.match(end.stderr, expected);
  }
  assert.match(
    (await fleet("sign", at("state.yaml"), "--key", at("absent"), ...usual)).stderr,
    /no such file/,
  );
});

test("an output that is a key, or anything else but a signed document, is left as it is", async (t) => {
  const { at, sign } = await withKey(t);
  for (const file of ["anna.key", "anna.key.pub", "state.yaml"]) {
    const before = readFileSync(at(file));
    const end = await sign("state.yaml", ...usual, "-o", at(file));
    assert.equal(end.code, 1);
    assert.match(end.stderr, /no signed document: it is not written over/);
    assert.deepEqual(readFileSync(at(file)), before);
  }
});

test("a signed document is not lost to one with a serial that is taken, or to one with fewer signatures", async (t) => {
  const { at, sign } = await withKey(t);
  await fleet("keygen", "--out", at("ben.key"));
  const out = ["-o", at("s.json")];
  await sign("state.yaml", ...usual, ...out);
  copyFileSync(at("s.json"), at("annas.json"));
  await fleet("sign", at("s.json"), "--key", at("ben.key"), ...out);
  const before = readFileSync(at("s.json"));
  const refused = async (expected: RegExp, file: string, ...options: readonly string[]) => {
    const end = await sign(file, ...options, ...out);
    assert.deepEqual([end.code, readFileSync(at("s.json")).equals(before)], [1, true], end.stderr);
    assert.match(end.stderr, expected);
  };
  await refused(/signed by [0-9a-f]{16} too, which would be lost/, "annas.json");
  writeFileSync(at("state.yaml"), STATE.replace("5000", "5001"));
  await refused(/has serial 12 of prod\/stable already.*higher --serial/, "state.yaml", ...usual);
  await refused(/has serial 12/, "state.yaml", "--serial", "11", "--fleet", "prod");
  const newer = await sign("state.yaml", "--serial", "13", "--fleet", "prod", ...out);
  assert.equal(newer.code, 0, newer.stderr);
  const other = await sign("state.yaml", "--serial", "1", "--fleet", "test", ...out);
  assert.equal(other.code, 0, other.stderr);
  writeFileSync(at("s.json"), readFileSync(at("s.json")).subarray(0, -20));
  assert.equal((await sign("state.yaml", ...usual, ...out)).code, 0, "damaged, and of no use to anybody");
});

test("what not all may read becomes no document that all may read", async (t) => {
  const { at, sign } = await withKey(t);
  const modeOf = async (mode: number, file: string, ...options: readonly string[]) => {
    chmodSync(at(file), mode);
    const end = await sign(file, ...options, "-o", at("s.json"));
    assert.equal(end.code, 0, end.stderr);
    return statSync(at("s.json")).mode & 0o777;
  };
  assert.equal(await modeOf(0o644, "state.yaml", ...usual), 0o644);
  assert.equal(await modeOf(0o640, "s.json"), 0o600);
  assert.equal(await modeOf(0o600, "state.yaml", "--serial", "13", "--fleet", "prod"), 0o600);
});

test("a state that the keys given have not signed is not shown, whoever reads the output", async (t) => {
  const { at, sign } = await withKey(t);
  await fleet("keygen", "--out", at("eve.key"));
  await sign("state.yaml", ...usual, "-o", at("s.json"));
  const wrong = ["verify", at("s.json"), "--trust", at("eve.key.pub"), "--show"];
  const plain = await fleet(...wrong);
  assert.deepEqual([plain.code, plain.stdout], [1, ""]);
  assert.match(plain.stderr, /is not shown: these keys have not signed it/);
  const json = JSON.parse((await fleet(...wrong, "--json")).stdout);
  assert.deepEqual([json.signatures.suffices, json.desiredState], [false, undefined]);
  assert.equal((await fleet("verify", at("s.json"), "--show")).stdout, STATE, "nobody was asked for");
});

test("with --json what is refused is told to programs, too", async (t) => {
  const { at, sign } = await withKey(t);
  writeFileSync(at("wrong.yaml"), "a: [");
  const unsigned = await sign("wrong.yaml", ...usual, "-o", at("w.json"), "--json");
  const told = JSON.parse(unsigned.stdout);
  assert.deepEqual([unsigned.code, told.schema], [65, "mirrorlet.fleet-sign/v1"]);
  assert.equal(told.issues[0].code, "yaml-syntax");
  assert.equal((await sign("wrong.yaml", ...usual, "--json")).stdout, "", "where the document would be");
  const none = await fleet("verify", at("state.yaml"), "--json");
  assert.deepEqual([none.code, JSON.parse(none.stdout).issues[0].code], [65, "signed-envelope"]);
});

test("a key may come by a pipe, and an encrypted one need not be written down", async (t) => {
  const { at } = await withKey(t);
  const pipe = at("pipe");
  execFileSync("mkfifo", ["-m", "600", pipe]);
  const sign = async () => {
    // Another process: the open of a pipe waits for its other end.
    const writer = spawn("timeout", ["60", "sh", "-c", 'cat "$1" >"$2"', "-", at("anna.key"), pipe]);
    t.after(() => writer.kill());
    return fleet("sign", at("state.yaml"), "--key", pipe, ...usual, "-o", at("s.json"));
  };
  const end = await sign();
  assert.equal(end.code, 0, end.stderr);
  assert.equal((await fleet("verify", at("s.json"), "--trust", at("anna.key.pub"))).code, 0);
  chmodSync(pipe, 0o644);
  assert.match((await sign()).stderr, /others can get at it \(mode 0644\)/);
});

test("options that make no sense are usage errors", async (t) => {
  const { at, sign } = await withKey(t);
  for (const [options, expected] of [
    [[], /--serial and --fleet/],
    [["--serial", "0", "--fleet", "f"], /whole number from 1/],
    [["--serial", "9007199254740992", "--fleet", "f"], /whole number from 1/],
    [["--serial", "1e3", "--fleet", "f"], /whole number/],
    [["--serial", "1", "--fleet", "a/b"], /--fleet: letters/],
    [[...usual, "--floor-serial", "13"], /would close itself out/],
    [[...usual, "--expires", "soon"], /--expires takes a time/],
    [[...usual, "--expires", "99999999h"], /--expires takes a time/],
    [[...usual, "--expires", "900000000000h"], /--expires takes a time/],
    [[...usual, "--expires", "2020-01-01T00:00:00Z"], /over before it could be used/],
    [[...usual, "--not-before", "2h", "--expires", "1h"], /over before it could be used/],
    [[...usual, "--label", "gpu"], /--label takes key=value/],
    [[...usual, "--nodes", "a,,b"], /--nodes: letters/],
    [[...usual, "--audience", "{"], /--audience: the audience is not the JSON/],
    [[...usual, "--audience", '{"nodes":[]}'], /would mean nobody/],
    [[...usual, "--audience", "{}", "--nodes", "n1"], /leave out --nodes/],
    [[...usual, "--containerd-version", "new"], /--containerd-version new/],
  ] as const) {
    const end = await sign("state.yaml", ...options, "-o", at("o.json"));
    assert.deepEqual([end.code, existsSync(at("o.json"))], [64, false], options.join(" "));
    assert.match(end.stderr, expected);
  }
});

test("audience and times come out as they were given", async (t) => {
  const { at, sign } = await withKey(t);
  const options = ["--nodes", "n1,n2", "--label", "class=gpu", "--label", "class=cpu", "--label", "zone=a"];
  const times = ["--not-before", "2030-01-01T00:00:00Z", "--expires", "2031-01-01T01:00:00+01:00"];
  await sign("state.yaml", ...usual, ...options, ...times, "--channel", "canary", "-o", at("s.json"));
  const { stdout } = await fleet("verify", at("s.json"));
  assert.match(stdout, /fleet: +prod, channel canary/);
  assert.match(stdout, /for: +nodes n1, n2, or with class=gpu\|cpu and zone=a/);
  assert.match(stdout, /valid: +from 2030-01-01T00:00:00Z, until 2031-01-01T00:00:00Z/);
});
