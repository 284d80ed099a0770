import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmod, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { encodeOriginalIndex } from "../../../src/agent/originals.ts";
import { PROTOCOL } from "../../../src/host/helper/wire.ts";
import { sha256 as digestOf } from "../../../src/host/sha256.ts";
import { defaultConfig } from "../../support/containerd-config.ts";
import { buildImage } from "../../support/image.ts";
import { labSkipReason } from "../../support/lab-parts.ts";
import { type ScriptedRegistry, startScriptedRegistry } from "../../support/scripted-registry.ts";
import { type SharedDaemons, shareDaemons } from "../support/shared-daemons.ts";
import { native } from "../support/site.ts";
import {
  type LabHelper,
  prepareSeparatedNode,
  privsepSkipReason,
  type SeparatedNode,
} from "./separated-node.ts";

/*
 * Somebody has become the agent's user and speaks to the helper's socket.
 */

const skip = labSkipReason() ?? privsepSkipReason;
let mirror: ScriptedRegistry;
let daemons: SharedDaemons;
let node: SeparatedNode;
let helper: LabHelper;
const secret = "S3cret-of-root";

before(async () => {
  if (skip !== false) return;
  mirror = await startScriptedRegistry();
  daemons = shareDaemons({});
  const daemon = await daemons.get("1.7");
  const config = defaultConfig("1.7", daemon).replace(/^.*config_path.*$/gm, "");
  node = await prepareSeparatedNode(daemon, { containerdConfig: config });
  helper = await node.startHelper();
  const agent = await node.startSeparatedAgent();
  await agent.apply(native([{ endpoint: mirror.url, hosts: ["gcr.io"] }], { generation: 1 }));
  await agent.stop();
  await writeFile(join(node.dir, "root-only"), secret, { mode: 0o600 });
});

after(async () => {
  await helper?.stop();
  await daemons?.stop();
  await mirror?.stop();
});

interface Reply {
  readonly ok?: boolean;
  readonly value?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
}

async function ask(
  ...requests: readonly (readonly [verb: string, args: object])[]
): Promise<readonly Reply[]> {
  const lines = requests.map(([verb, args]) => `${JSON.stringify({ protocol: PROTOCOL, verb, args })}\n`);
  const answers = await node.speakAsAgent(lines);
  return answers.map((answer) => JSON.parse(answer) as Reply);
}

const bytes = (text: string) => ({ $bytes: Buffer.from(text, "latin1").toString("base64") });
const sha256 = async (path: string): Promise<string> => {
  return createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
};

/** What must be the same after every attack. */
async function fingerprint(): Promise<string> {
  const { configPath, certsD } = node.daemon;
  const { mode, uid, gid } = await stat(configPath);
  const certs = await stat(certsD);
  return JSON.stringify([
    await sha256(configPath),
    mode,
    uid,
    gid,
    certs.mode,
    certs.uid,
    await node.daemon.pid(),
  ]);
}

test("config.toml takes no edit but ours", { skip }, async () => {
  const before = await fingerprint();
  const { configPath } = node.daemon;
  const text = await readFile(configPath, "latin1");
  const expected = await sha256(configPath);
  const candidates = [
    `imports = ["/tmp/x.toml"]\n${text}`,
    `${text}\n[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.evil]\n  runtime_type = "io.containerd.runc.v2"\n`,
    `${text}\n[proxy_plugins.evil]\n  type = "snapshot"\n  address = "/tmp/evil.sock"\n`,
    `${text}\n[stream_processors.evil]\n  path = "/bin/sh"\n`,
    text.replace(/config_path = .*/, 'config_path = "/tmp/certs.d"'),
    text.replace(/config_path = .*/, ""),
    `${text}\n`,
    "",
    "\0",
    text.slice(0, -1),
  ];
  const replies = await ask(
    ...candidates.flatMap((candidate) => [
      ["replace", { path: configPath, bytes: bytes(candidate), expected }] as const,
      ["write-candidate", { bytes: bytes(candidate) }] as const,
    ]),
    ["replace", { path: configPath, bytes: bytes(text), expected: "0".repeat(64) }],
    ["remove", { path: configPath }],
  );
  for (const [index, reply] of replies.entries())
    assert.equal(reply.ok, false, `request ${index} was accepted`);
  assert.equal(await fingerprint(), before);
});

test("no other file is written, removed or read", { skip }, async () => {
  const before = await fingerprint();
  const { dir, stateDir, daemon } = node;
  const rootOnly = join(dir, "root-only");
  // The agent's user may plant this; it leads to what is root's.
  const planted = join(stateDir, "planted");
  await symlink(rootOnly, planted);
  const paths = [
    rootOnly,
    planted,
    "/etc/shadow",
    "/etc/passwd",
    "/etc/systemd/system/containerd.service",
    "/etc/systemd/system/evil.service.d/50-mirrorlet-traces.conf",
    "/etc/systemd/system/../../shadow",
    `${daemon.configPath}/../${daemon.configPath.split("/").at(-1)}.x`,
    `${daemon.certsD}/gcr.io/hosts.toml`,
    "relative",
    "/proc/self/environ",
    node.agentToml,
    node.helperState,
  ];
  const replies = await ask(
    ...paths.flatMap((path) => [
      ["replace", { path, bytes: bytes("[Service]\nExecStartPre=/bin/sh\n"), expected: null }] as const,
      ["read", { path }] as const,
      ["read-tree", { root: path }] as const,
      ["dump", { path }] as const,
      ["remove-directory", { path }] as const,
    ]),
    ...paths
      .filter((path) => !path.includes("systemd/system/evil"))
      .map((path) => ["remove", { path }] as const),
  );
  for (const [index, reply] of replies.entries()) {
    assert.equal(reply.ok, false, `request ${index}: ${JSON.stringify(reply)}`);
    assert.doesNotMatch(JSON.stringify(reply), new RegExp(secret));
  }
  assert.equal(await readFile(rootOnly, "utf8"), secret);
  assert.equal(await fingerprint(), before);
  await rm(planted);
});

test("a config.toml that others than root may write is not touched", { skip }, async () => {
  const { configPath } = node.daemon;
  await chmod(configPath, 0o666);
  try {
    const [reply] = await ask([
      "replace",
      { path: configPath, bytes: bytes(""), expected: await sha256(configPath) },
    ]);
    assert.match(reply?.error?.message ?? "", /written by users other than its owner/);
  } finally {
    await chmod(configPath, 0o644);
  }
});

test("images: canaries of root's desired state are pulled, and nothing is deleted but what they brought", {
  skip,
}, async () => {
  mirror.put("a/b", "1", buildImage({ layers: 1 }));
  const pulled = await node.daemon.pull("gcr.io/a/b:1");
  assert(pulled.ok, JSON.stringify(pulled));
  const [pull, deletion] = await ask(
    ["pull", { reference: "gcr.io/a/b:1", timeoutMs: 1000 }],
    ["delete-records", { names: ["gcr.io/a/b:1"] }],
  );
  assert.equal(pull?.error?.code, "helper-refused");
  assert.match(JSON.stringify(deletion), /deletes only what its own pulls have brought/);
  const [records] = await ask(["records", { select: { name: "gcr.io/a/b:1" } }]);
  assert.match(JSON.stringify(records), /"name":"gcr.io\/a\/b:1"/);
});

test("asked a hundred times it restarts containerd three times at most, and a killed helper has not forgotten", {
  skip,
}, async () => {
  const many = Array.from({ length: 50 }, () => ["restart", {}] as const);
  const results = [...(await ask(...many))];
  await helper.kill();
  results.push(...(await ask(...many)));
  const done = results.filter(({ value }) => (value as { ok: boolean } | undefined)?.ok === true).length;
  assert(done >= 1 && done <= 3, `${done} restarts`);
  assert.match(JSON.stringify(results.at(-1)), /too often/);
});

test("fuzz: whatever is sent, the helper answers or hangs up, lives, and changes nothing", {
  skip,
}, async () => {
  const before = await fingerprint();
  const starts = helper.starts();
  const verbs = [
    "read",
    "replace",
    "remove",
    "pull",
    "records",
    "delete-records",
    "dump",
    "content",
    "are-used",
  ];
  const names = [
    "path",
    "bytes",
    "expected",
    "mode",
    "root",
    "select",
    "names",
    "name",
    "reference",
    "timeoutMs",
  ];
  const request = fc.record({
    protocol: fc.constantFrom<unknown>(PROTOCOL, PROTOCOL, PROTOCOL, 0, "1", null),
    verb: fc.oneof(
      fc.constantFrom(...verbs),
      fc.string(),
      fc.constantFrom("__proto__", "constructor", "toString"),
    ),
    args: fc.oneof(fc.dictionary(fc.constantFrom(...names), fc.jsonValue()), fc.jsonValue()),
  });
  const line = fc.oneof(
    request.map((value) => `${JSON.stringify(value)}\n`),
    fc.string().map((text) => `${text}\n`),
  );
  const lines = fc.sample(line, { numRuns: 300, seed: 20_261_127 });
  lines.push(
    `${"x".repeat(7 * 1024 * 1024)}`,
    `${"[".repeat(100_000)}\n`,
    "\n",
    `{"protocol":${PROTOCOL}}\n`,
  );
  const answers = await node.speakAsAgent(lines);
  assert.equal(answers.length, lines.length);
  for (const answer of answers) if (answer !== "") JSON.parse(answer.split("\n")[0] ?? "");
  assert.equal(helper.starts(), starts, "it has ended");
  assert.equal(await fingerprint(), before);
});

test("an agent of another release is told so", { skip }, async () => {
  const [answer = ""] = await node.speakAsAgent([
    `${JSON.stringify({ protocol: 99, verb: "read", args: {} })}\n`,
  ]);
  assert.match((JSON.parse(answer) as Reply).error?.message ?? "", /different releases/);
});

test("restore is led nowhere by a forged state", { skip }, async () => {
  const { dir, stateDir, daemon } = node;
  const victim = join(dir, "victim");
  await writeFile(victim, "root's\n");
  await chmod(victim, 0o600);
  const forged = [
    { path: victim, copy: join(stateDir, "original/evil"), mode: 0o4755, owner: { uid: 0, gid: 0 } },
    { path: daemon.configPath, copy: "/etc/shadow", mode: 0o666 },
    { path: join(daemon.certsD, "../evil"), copy: join(stateDir, "original/evil"), mode: 0o666 },
  ];
  // With the right checksum: whoever is the agent's user can make that, too.
  await writeFile(join(stateDir, "original/index.json"), encodeOriginalIndex(forged, digestOf));
  for (const { path } of forged) {
    const name = createHash("sha256").update(path).digest("hex").slice(0, 16);
    await writeFile(join(stateDir, "original", name), "evil\n");
  }
  const end = await node.run("restore", "--no-restart");
  assert.equal(end.code, 0, end.stderr);
  assert.equal(await readFile(victim, "utf8"), "root's\n");
  assert.equal((await stat(victim)).mode & 0o7777, 0o600);
  assert.equal((await stat(daemon.configPath)).mode & 0o022, 0);
  await assert.rejects(stat(join(daemon.certsD, "../evil")));
});
