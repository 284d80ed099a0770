import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, type RequestOptions, request } from "node:https";
import { connect, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { connect as connectTls } from "node:tls";
import type { Log } from "../../../src/agent/ports.ts";
import type { SourceState } from "../../../src/core/evidence/evidence-report.ts";
import type { WitnessHit } from "../../../src/core/evidence/pull.ts";
import type { WitnessIdentity } from "../../../src/core/evidence/witness-identity.ts";
import { startWitness, type Witness } from "../../../src/edge/witness/start-witness.ts";
import { witnessKeys } from "../../../src/host/witness-keys.ts";
import { witnessWorkerFile } from "../../../src/program/witness-worker-file.ts";
import { findFreePort } from "../../support/free-port.ts";

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };
const workerFile = witnessWorkerFile();
const isRoot = process.getuid?.() === 0;
const PULL = "/witness/team/app/manifests/1.0?ns=gcr.io";

interface Watched {
  readonly witness: Witness;
  readonly port: number;
  readonly hits: WitnessHit[];
  readonly states: SourceState[];
  readonly identity: WitnessIdentity;
}

async function watch(context: TestContext, broken: Partial<WitnessIdentity> = {}): Promise<Watched> {
  const port = await findFreePort();
  const identity = await witnessKeys.create("127.0.0.1");
  const hits: WitnessHit[] = [];
  const states: SourceState[] = [];
  const witness = startWitness({
    workerFile,
    address: `127.0.0.1:${port}`,
    identity: { ...identity, ...broken },
    trusted: [process.getuid?.() ?? 0],
    sink: { witnessed: (hit) => hits.push(hit), source: (state) => states.push(state) },
    log: silent,
  });
  context.after(() => witness.stop());
  return { witness, port, hits, states, identity };
}

async function until(what: string, check: () => boolean, timeoutMs = 20_000): Promise<void> {
  for (const deadline = performance.now() + timeoutMs; !check(); ) {
    if (performance.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

interface Reply {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** As Go does, the client keeps its connection until the server closes it. */
function ask({ port, identity }: Watched, path: string, options: RequestOptions = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const agent = new Agent({ keepAlive: true });
    const place = { host: "127.0.0.1", port, path, ca: identity.certificate, agent };
    const asked = request({ ...place, ...options }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, body }));
    });
    asked.on("error", reject);
    asked.end(options.method === "POST" ? "a body" : undefined);
  });
}

test("whatever is asked, the answer is 404, with no challenge and no body; what a pull asks is told", async (context) => {
  const watched = await watch(context);
  await until("it listens", () => watched.witness.state().up);
  for (const [path, method] of [
    [PULL, "HEAD"],
    [PULL, "GET"],
    ["/", "GET"],
    ["/v2/", "GET"],
    ["/witness/team/app/blobs/uploads/?ns=gcr.io", "POST"],
    ["/witness/x", "DELETE"],
  ] as const) {
    const { status, headers, body } = await ask(watched, path, { method });
    assert.equal(status, 404, `${method} ${path}`);
    assert.equal(headers["content-length"], "0");
    assert.equal(headers["docker-distribution-api-version"], "registry/2.0");
    assert.equal(headers["www-authenticate"], undefined);
    assert.equal(body, "");
  }
  await ask(watched, PULL, { headers: { "user-agent": "mirrorlet" } });
  const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  await ask(watched, PULL, { headers: { traceparent: `00-${trace}-00f067aa0ba902b7-01` } });
  await ask(watched, PULL.replace("app", "last"));
  await until("the last one is told", () => watched.hits.at(-1)?.repository === "team/last");
  const told = watched.hits.map(({ atMs, ...rest }) => {
    assert.ok(Math.abs(Date.now() - atMs) < 60_000);
    return rest;
  });
  const about = { registry: "gcr.io", repository: "team/app", kind: "manifest", object: "1.0" };
  assert.deepEqual(told.slice(0, -1), [
    { ...about, method: "HEAD" },
    { ...about, method: "GET" },
    { ...about, method: "GET", traceId: trace },
  ]);
});

test("containerd 2 is not told 404 where it would take that for the truth; it is counted all the same", async (context) => {
  const watched = await watch(context);
  await until("it listens", () => watched.witness.state().up);
  const as = (agent: string) => ({ "user-agent": agent });
  for (const version of ["2.1.9~ds1", "v2.3.4", "2.0.0+unknown"]) {
    const asked = ask(watched, PULL, { method: "HEAD", headers: as(`containerd/${version}`) });
    await assert.rejects(asked, { code: "ECONNRESET" }, version);
  }
  for (const [method, agent] of [
    ["GET", "containerd/2.1.9"],
    ["HEAD", "containerd/1.7.24~ds1"],
    ["HEAD", "containerd/2"],
  ] as const)
    assert.equal((await ask(watched, PULL, { method, headers: as(agent) })).status, 404, agent);
  await until("all are told", () => watched.hits.length === 6);
});

test("only its own key opens it, and nothing older than TLS 1.2", async (context) => {
  const watched = await watch(context);
  await until("it listens", () => watched.witness.state().up);
  const other = await witnessKeys.create("127.0.0.1");
  await assert.rejects(ask(watched, PULL, { ca: other.certificate }), /self.signed|verify/i);
  const old = { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "ALL@SECLEVEL=0" } as const;
  await assert.rejects(ask(watched, PULL, old), /alert|protocol|version/i);
  assert.equal((await ask(watched, PULL, { maxVersion: "TLSv1.2" })).status, 404);
});

test("another user's requests are answered and not counted, however they are sent", {
  skip: isRoot ? false : "needs root, to be somebody else",
}, async (context) => {
  const watched = await watch(context);
  await until("it listens", () => watched.witness.state().up);
  assert.match(await askAs(65_534, watched.port, "wait"), /^HTTP\/1\.1 404 /);
  // Gone before anybody can look, and an orphan's socket belongs to user 0 in the kernel's table.
  for (let i = 0; i < 10; i++) await askAs(65_534, watched.port, "leave");
  await ask(watched, PULL.replace("app", "last"));
  await until("ours is told", () => watched.hits.length > 0);
  assert.deepEqual(
    watched.hits.map(({ repository }) => repository),
    ["team/last"],
  );
});

test("when stopped it is refused; a ping is answered before and after", async (context) => {
  const watched = await watch(context);
  await watched.witness.ping();
  await until("it listens", () => watched.witness.state().up);
  await watched.witness.stop();
  await watched.witness.ping();
  await assert.rejects(ask(watched, PULL), { code: "ECONNREFUSED" });
});

test("a port that is taken is a reason, and it comes up when the port is free", async (context) => {
  const port = await findFreePort();
  const squatter = createServer();
  squatter.listen(port, "127.0.0.1");
  await once(squatter, "listening");
  const identity = await witnessKeys.create("127.0.0.1");
  const address = `127.0.0.1:${port}`;
  const sink = { witnessed() {}, source() {} };
  const witness = startWitness({ workerFile, address, identity, trusted: [], sink, log: silent });
  context.after(() => witness.stop());
  await until("it says why", () => /another program listens there/.test(witness.state().message));
  assert.equal(witness.state().up, false);
  await witness.ping();
  squatter.close();
  await until("it is up", () => witness.state().up);
  assert.equal(witness.state().message, "");
});

test("a thread that ends is a reason, and does not hold up the watchdog", async (context) => {
  const { witness, states } = await watch(context, { key: "not a key" });
  await until("it has ended and begun again", () => states.length > 0);
  assert.match(witness.state().message, /its thread has ended \(.*\) and is started again/);
  await witness.ping();
});

test("those who say nothing have to go, the oldest first, and keep nobody out", async (context) => {
  const watched = await watch(context);
  await until("it listens", () => watched.witness.state().up);
  let gone = 0;
  const idle = Array.from({ length: 300 }, () => {
    const socket = connect(watched.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.on("close", () => gone++);
    return socket;
  });
  await until("too many are closed", () => gone >= 300 - 128);
  assert.ok(gone < 300, "the newest may stay a while");
  assert.equal((await ask(watched, PULL)).status, 404);
  const slow = connectTls({ port: watched.port, host: "127.0.0.1", ca: watched.identity.certificate });
  slow.on("error", () => {});
  slow.on("secureConnect", () => slow.write("GET / HTTP/1.1\r\nhost: x\r\nx: "));
  await once(slow, "close");
  await until("none is left", () => gone === 300);
  for (const socket of idle) socket.destroy();
});

/** Sends a request as another user and waits for the answer, or ends with the connection open. */
async function askAs(uid: number, port: number, then: "wait" | "leave"): Promise<string> {
  const script = `const s = require("node:tls").connect({port: ${port}, host: "127.0.0.1", rejectUnauthorized: false});
    s.on("error", () => {}).on("data", (d) => process.stdout.write(d)).on("close", () => process.exit());
    s.on("secureConnect", () => s.write("GET ${PULL} HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n", () => {
      if (${then === "leave"}) process.kill(process.pid, "SIGKILL");
    }));`;
  const child = spawn(process.execPath, ["-e", script], {
    uid,
    gid: uid,
    cwd: "/",
    stdio: ["ignore", "pipe", "inherit"],
  });
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  await once(child, "close");
  return out;
}

test("a request that did not get through for want of trust in our certificate is one that was missed", async (context) => {
  const watched = await watch(context);
  await until("it listens", () => watched.witness.state().up);
  const stranger = await witnessKeys.create("127.0.0.1");
  await assert.rejects(ask(watched, PULL, { ca: stranger.certificate }));
  await until("it is told", () => watched.witness.state().missed === 1);
  assert.deepEqual([watched.witness.state().up, watched.hits], [true, []]);
});
