import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { type ApplyRecord, EMPTY_RECORD } from "../../src/agent/apply-record.ts";
import { HostError } from "../../src/agent/ports.ts";
import { type StatusDeps, status } from "../../src/cli/status.ts";
import { askAgent } from "../../src/edge/ask-agent.ts";
import { T0 } from "../core/evidence/support/evidence.ts";
import { STATES } from "../edge/status-page/states.ts";

interface RunOptions {
  readonly npd?: boolean;
  readonly json?: boolean;
  readonly color?: boolean;
  readonly record?: Partial<ApplyRecord>;
}

async function run(ask: StatusDeps["ask"], options: RunOptions = {}, loadRecord?: StatusDeps["loadRecord"]) {
  let stdout = "";
  let stderr = "";
  const io = {
    stdout(text: string) {
      stdout += text;
    },
    stderr(text: string) {
      stderr += text;
    },
    color: options.color ?? false,
    json: options.json ?? false,
  };
  const onDisk = async () => ({ record: { ...EMPTY_RECORD, ...options.record }, corrupt: false });
  const code = await status({ npd: options.npd ?? false }, io, { ask, loadRecord: loadRecord ?? onDisk });
  return { code, stdout, stderr, lines: stdout.trimEnd().split("\n") };
}

/** An agent in one of the known states, as its own `/status.json` tells it. */
function agentIn(name: keyof typeof STATES): StatusDeps["ask"] {
  const document = JSON.parse(JSON.stringify({ schema: "mirrorlet.status/v1", ...STATES[name]() }));
  return async () => ({ ok: true, document });
}
const nobody: StatusDeps["ask"] = async () => ({
  ok: false,
  message: "it does not answer at 127.0.0.1:9478",
});

test("first the verdict, then a row for each registry, then what is wrong", async () => {
  const { code, lines } = await run(agentIn("bypassed"));
  assert.equal(code, 1);
  assert.equal(
    lines[0],
    "2 of 4 registries are not served as they should be (gcr.io, registry.internal.example:8443): no connection to mirror.corp.example:5000: connection refused; 2 more with a warning.",
  );
  assert.deepEqual(lines.slice(1, 7), [
    "",
    "REGISTRY                        VERDICT   EVIDENCE          SINCE  MIRROR",
    "gcr.io                          bypassed  trace, 18 s ago   30 s   mirror.corp.example:5000 (fails at connect)",
    "docker.io                       mixed     trace, 12 s ago   12 s   mirror.corp.example:5000 (fails at connect), standby.corp.example:5000",
    "registry.internal.example:8443  mirrored  trace, 7 min ago  7 min  mirror.corp.example:5000 (fails at connect) (upstream closed)",
    "*                               mirrored  trace, 8 min ago  8 min  mirror.corp.example:5000 (fails at connect)",
  ]);
  const rest = lines.slice(8).join("\n");
  assert.match(rest, /^gcr\.io: bypassed: team\/very-long/);
  assert.match(rest, /^Stalled: quay\.io: \/etc\/containerd/m);
  assert.match(
    rest,
    /^\/etc\/mirrorlet\/desired-state\.yaml:7:17: warning: .*; renew it .* \(certificate-expires\)$/m,
  );
  assert.match(rest, /^no evidence by log: there is no journal on this node$/m);
  assert.match(rest, /mirrorlet 0\.1\.0, started 2 days ago; containerd 1\.7\.24, generation 12 in force$/);
});

test("a node that is well takes few lines", async () => {
  const { code, lines } = await run(agentIn("all-good"));
  assert.equal(code, 0);
  assert.equal(lines[0], "All 4 registries are served by their mirrors.");
  assert.equal(lines.length, 1 + 1 + 5 + 1 + 1 + 1 + 1);
});

test("a signed state: which and by whom; once it has expired that is said, though nothing else is wrong", async () => {
  const { code, lines } = await run(agentIn("expired"));
  assert.equal(code, 1);
  assert.match(
    lines[0] ?? "",
    /^All 4 registries are served by their mirrors\. But Expired: what is in force was signed/,
  );
  assert.match(
    lines.at(-1) ?? "",
    /, serial 12 of prod\/stable, signed by cdcdcdcdcdcdcdcd, efefefefefefefef, expired at /,
  );
});

test("exit codes: 0 fine, 1 something is wrong, 2 nothing can be told", async () => {
  const codes = { "all-good": 0, bypassed: 1, failing: 1, "just-started": 2, "nothing-proven": 2 } as const;
  for (const [name, code] of Object.entries(codes))
    assert.equal((await run(agentIn(name as keyof typeof codes))).code, code, name);
  assert.equal((await run(nobody)).code, 2);
});

test("--json is the agent's document, and says whose word it is", async () => {
  const { code, stdout } = await run(agentIn("bypassed"), { json: true });
  const { schema, source, summary, evidence } = JSON.parse(stdout);
  assert.deepEqual([code, schema, source, summary.status], [1, "mirrorlet.status/v1", "agent", "fail"]);
  assert.equal(evidence.registries.length, 4);
});

test("--npd is one line of at most 80 bytes, whatever the state", async () => {
  const codes = {
    "all-good": 0,
    bypassed: 1,
    failing: 1,
    "just-started": 2,
    "nothing-proven": 0,
    hostile: 1,
  } as const;
  for (const [name, code] of Object.entries(codes)) {
    const { code: got, stdout } = await run(agentIn(name as keyof typeof codes), { npd: true });
    assert.match(stdout, /^[^\n]+\n$/);
    assert.ok(Buffer.byteLength(stdout) <= 81, stdout);
    assert.equal(got, code, name);
  }
  const well = await run(agentIn("all-good"), { npd: true });
  assert.equal(well.stdout, "All 4 registries are served by their mirrors\n");
  const unknown = await run(nobody, { npd: true });
  assert.deepEqual(
    [unknown.code, unknown.stdout],
    [2, "the agent is not heard: it does not answer at 127.0.0.1:9478\n"],
  );
  const long = await run(async () => ({ ok: false, message: "ä".repeat(200) }), { npd: true });
  assert.match(long.stdout, /^[ -~ä]+\.\.\.\n$/u);
  assert.ok(Buffer.byteLength(long.stdout) <= 81 && Buffer.byteLength(long.stdout) > 75);
});

test("colour only where it is asked for, and it breaks no column", async () => {
  const plain = await run(agentIn("bypassed"));
  const painted = await run(agentIn("bypassed"), { color: true });
  assert.doesNotMatch(plain.stdout, /\u001b/);
  assert.match(painted.stdout, /^\u001b\[31m2 of 4/);
  assert.equal(painted.stdout.replace(/\u001b\[\d+m/g, ""), plain.stdout);
});

test("words of others cannot speak to the terminal", async () => {
  const document = JSON.parse(JSON.stringify({ schema: "mirrorlet.status/v1", ...STATES.bypassed() }));
  document.summary.sentence = "\u001b]0;owned\u0007all \u202ewell\nreally";
  document.evidence.registries[0].namespace = "gcr.io\r\u001b[2J";
  const { stdout } = await run(async () => ({ ok: true, document }));
  assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u202e]/);
  assert.match(stdout, /^ ]0;owned all {2}well really\n\n/);
});

test("without an agent: what was last put in force, and that no more is known", async () => {
  const record: Partial<ApplyRecord> = {
    generation: 12,
    appliedMs: T0,
    namespaces: ["gcr.io", "docker.io"],
    containerdVersion: "1.7.24",
  };
  const { code, lines } = await run(nobody, { record });
  assert.equal(code, 2);
  assert.deepEqual(lines, [
    "Where pulls go is not known: the agent is not heard, it does not answer at 127.0.0.1:9478.",
    "Generation 12 was put in force at 2026-11-22 12:00:00Z, for containerd 1.7.24.",
    "Registries: gcr.io, docker.io",
    "See: systemctl status mirrorlet, journalctl -u mirrorlet",
  ]);
  const json = JSON.parse((await run(nobody, { record, json: true })).stdout);
  assert.deepEqual(
    [json.source, json.record.generation, json.record.namespaces],
    ["record", 12, record.namespaces],
  );
});

test("without an agent, what was taken back or not finished is something wrong", async () => {
  const quarantine = {
    digest: "d",
    configDigest: "c",
    generation: 13,
    message: "containerd did not come up: password=hunter2",
    sinceMs: T0,
    degraded: false,
    undone: true,
  };
  const { code, stdout } = await run(nobody, { record: { generation: 12, appliedMs: T0, quarantine } });
  assert.equal(code, 1);
  assert.match(stdout, /^Generation 13 was taken back: containerd did not come up: password=\*\*\*$/m);
  const empty = await run(nobody);
  assert.match(empty.stdout, /^Nothing has been put in force on this node by mirrorlet\.$/m);
});

test("without an agent and without the right to read, it says what to do", async () => {
  const denied = async () => {
    throw new HostError("denied", "/var/lib/mirrorlet", "/var/lib/mirrorlet: permission denied", {
      retryable: false,
    });
  };
  const { code, stdout, stderr } = await run(nobody, {}, denied);
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(stderr, /permission denied: run it as root/);
});

async function serving(t: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  t.after(() => server.close().closeAllConnections());
  await once(server, "listening");
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("an agent is asked once and believed when it may answer", async (t) => {
  const paths: string[] = [];
  const address = await serving(t, (request, response) => {
    paths.push(request.url ?? "");
    response.end('{"a":1}');
  });
  const ask = (mayAnswer: boolean) => askAgent({ address, timeoutMs: 2000, mayAnswer: () => mayAnswer });
  assert.deepEqual(await ask(true), { ok: true, document: { a: 1 } });
  const refused = await ask(false);
  assert.ok(!refused.ok && /is not run by root or by you, and is not believed/.test(refused.message));
  assert.deepEqual(paths, ["/status.json", "/status.json"]);
  const everywhere = await askAgent({
    address: address.replace("127.0.0.1", "0.0.0.0"),
    timeoutMs: 2000,
    mayAnswer: () => true,
  });
  assert.ok(everywhere.ok);
});

test("whatever is wrong with an agent, it is said in a sentence and in time", async (t) => {
  const ask = async (address: string) => {
    const answer = await askAgent({ address, timeoutMs: 300, mayAnswer: () => true });
    assert.ok(!answer.ok);
    return answer.message;
  };
  const free = await serving(t, () => {});
  assert.equal(await ask(free), `it does not answer at ${free}: no answer in 0.3 s`);
  const broken = await serving(t, (_, response) => response.end("<html>"));
  assert.equal(await ask(broken), `it does not answer at ${broken}: its answer is not JSON`);
  const elsewhere = await serving(t, (_, response) => response.writeHead(404).end());
  assert.equal(await ask(elsewhere), `${elsewhere} answers 404, not a status`);
  const stalling = await serving(t, (_, response) => void response.write("{"));
  assert.match(await ask(stalling), /no answer in 0\.3 s/);
  assert.match(await ask("127.0.0.1:1"), /nothing listens there/);
  assert.match(await ask("127.0.0.1:0"), /no address that can be asked/);
});

test("a document of another version is not guessed at", async () => {
  for (const document of [
    null,
    [],
    { schema: "mirrorlet.status/v2" },
    { schema: "mirrorlet.status/v1", atMs: 1 },
  ]) {
    const { code, stdout } = await run(async () => ({ ok: true, document }));
    assert.equal(code, 2);
    assert.match(stdout, /of a version that this program does not know/);
  }
});
