import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, request as httpRequest } from "node:http";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import type { Log, LogFields } from "../../../src/agent/ports.ts";
import { listenHttp } from "../../../src/edge/http-server.ts";
import { createPeerTrust } from "../../../src/edge/peer-trust.ts";
import { createTraceReceiver } from "../../../src/edge/traces/trace-receiver.ts";
import { createClock } from "../../../src/host/clock.ts";
import { createPeerOwners } from "../../../src/host/peer-owner.ts";
import { nobody, nobodySkipReason, startClientAsNobody } from "../../support/client-as-nobody.ts";
import { encodeExport, readExports } from "../../support/otlp.ts";
import { createRecordingSink } from "../../support/recording-sink.ts";

const mixed = encodeExport(readExports("2.1-mixed").flat());
const ownUid = process.getuid?.() ?? -1;

async function receiving(t: TestContext) {
  const sink = createRecordingSink();
  const warnings: LogFields[] = [];
  const log: Log = {
    debug() {},
    info() {},
    warn: (fields) => void warnings.push(fields),
    error: (fields) => assert.fail(JSON.stringify(fields)),
  };
  const owners = createPeerOwners();
  let lookups = 0;
  const trustOf = createPeerTrust({
    ownUid,
    ownerOfPeer(socket) {
      lookups++;
      return owners.ownerOf(socket);
    },
  });
  const watched = [{ namespace: "gcr.io", mirrors: ["http://127.0.0.1:5000"], upstream: "allow" as const }];
  const receiver = createTraceReceiver({
    sink,
    watched: () => watched,
    witnessHost: () => undefined,
    trustOf,
    clock: createClock(),
    log,
  });
  const routes = [receiver.route];
  const { address, close } = await listenHttp({
    address: "127.0.0.1:0",
    metricsAddress: undefined,
    allowedHosts: [],
    routes,
    log,
  });
  t.after(async () => {
    receiver.stop();
    await close();
  });
  const port = Number(new URL(`http://${address}`).port);
  return { sink, receiver, port, warnings, lookups: () => lookups };
}

interface Sending {
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: string;
  readonly agent?: Agent;
}

async function send(port: number, body: Uint8Array, { headers = {}, method = "POST", agent }: Sending = {}) {
  const type = { "content-type": "application/x-protobuf", ...headers };
  const sent = httpRequest({ port, path: "/v1/traces", method, headers: type, agent: agent ?? false });
  sent.end(body);
  const [response] = await once(sent, "response");
  let text = "";
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode as number, text, headers: response.headers };
}

function head(headers: string): string {
  return `POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n${headers}\r\n\r\n`;
}

async function exchange(port: number, ...parts: readonly (string | Uint8Array)[]): Promise<string> {
  const socket = open(port);
  for (const part of parts) socket.write(part);
  let got = "";
  socket.on("data", (chunk) => {
    got += chunk;
  });
  await once(socket, "close");
  return got;
}

function open(port: number): Socket {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  return socket;
}

test("an export, plain or gzip, becomes requests and a pull", async (t) => {
  const { sink, receiver, port } = await receiving(t);
  assert.deepEqual(receiver.sourceState(), {
    source: "trace",
    up: false,
    message: "no span of containerd has come yet",
  });
  const plain = await send(port, mixed);
  assert.deepEqual(
    [plain.status, plain.text, plain.headers["content-type"]],
    [200, "", "application/x-protobuf"],
  );
  await sink.told(1);
  assert.equal(sink.requests.length, 8);
  assert.equal(sink.pulls[0]?.path, "mixed");
  const other = encodeExport(readExports("2.1-token").flat());
  const zipped = await send(port, gzipSync(other), { headers: { "content-encoding": "gzip" } });
  assert.equal(zipped.status, 200);
  await sink.told(2);
  assert.equal(sink.requests.length, 8 + 7);
  assert.deepEqual(sink.states, [{ source: "trace", up: true, message: "" }]);
  assert.deepEqual(receiver.stats().exports.accepted, 2);
  assert.ok(receiver.stats().spans > 15);
});

test("a build that does not tell its requests: notices, and the source says what it lacks", async (t) => {
  const { sink, receiver, port } = await receiving(t);
  await send(port, encodeExport(readExports("1.7-info-404").flat()));
  await sink.told(1);
  assert.equal(sink.notices.length, 1);
  assert.equal(receiver.sourceState().up, false);
  assert.match(sink.states.at(-1)?.message ?? "", /does not|not which host served/);
  await send(port, mixed);
  await sink.told(2);
  assert.deepEqual(sink.states.at(-1), { source: "trace", up: true, message: "" });
});

test("a connection is looked up once", async (t) => {
  const { receiver, port, lookups } = await receiving(t);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  for (let i = 0; i < 3; i++) assert.equal((await send(port, new Uint8Array(), { agent })).status, 200);
  assert.equal(lookups(), 1);
  assert.equal(receiver.stats().exports.accepted, 3);
});

test("another user's spans are refused before their body is read", { skip: nobodySkipReason }, async (t) => {
  const { sink, receiver, port, warnings } = await receiving(t);
  const client = await startClientAsNobody();
  t.after(() => client.stop());
  // Announces a body and sends none: whoever waited for it would not answer.
  const answer = await client.exchange(port, head("Content-Length: 4000000"));
  assert.match(answer, /^HTTP\/1\.1 403 .*connection: close/is);
  const whole = `${head(`Content-Length: ${mixed.length}`)}${Buffer.from(mixed).toString("latin1")}`;
  assert.match(await client.exchange(port, whole), /^HTTP\/1\.1 403 /);
  assert.deepEqual([receiver.stats().exports.forbidden, receiver.stats().spans], [2, 0]);
  assert.deepEqual(sink.requests, []);
  assert.deepEqual(warnings, [{ outcome: "forbidden", uid: nobody, so_far: 1 }]);
});

test("spans from elsewhere than loopback are refused, whoever sends them", async () => {
  const trustOf = createPeerTrust({ ownUid, ownerOfPeer: () => 0 });
  for (const [remoteAddress, isTrusted] of [
    ["127.0.0.1", true],
    ["127.8.9.1", true],
    ["::1", true],
    ["::ffff:127.0.0.1", true],
    ["10.0.0.1", false],
    ["::ffff:10.0.0.1", false],
    ["fe80::1", false],
    [undefined, false],
  ] as const)
    assert.equal((await trustOf({ remoteAddress } as Socket)).isTrusted, isTrusted, remoteAddress);
});

test("what is no export of spans is refused, and says so as OTLP wants it", async (t) => {
  const { receiver, port } = await receiving(t);
  const gzip = { "content-encoding": "gzip" };
  for (const [body, headers, status] of [
    [Buffer.from("<html>"), {}, 400],
    [Buffer.from("not gzip"), gzip, 400],
    [gzipSync(mixed).subarray(0, 200), gzip, 400],
    [gzipSync(Buffer.from("<html>")), gzip, 400],
    [mixed, { "content-type": "application/json" }, 415],
    [mixed, { "content-type": "" }, 415],
    [mixed, { "content-type": "application/x-protobuf-2" }, 415],
    [mixed, { "content-encoding": "br" }, 415],
    [mixed, { "content-encoding": "gzip, gzip" }, 415],
  ] as const) {
    const answer = await send(port, body, { headers });
    assert.equal(answer.status, status, JSON.stringify(headers));
    const bytes = Buffer.from(answer.text);
    assert.deepEqual([bytes[0], bytes[1]], [0x12, bytes.length - 2], "a google.rpc.Status with a message");
  }
  assert.equal(
    (await send(port, mixed, { headers: { "content-type": "application/x-protobuf; charset=x" } })).status,
    200,
  );
  assert.equal((await send(port, new Uint8Array(), { method: "GET" })).status, 405);
  assert.deepEqual(
    { ...receiver.stats().exports },
    { accepted: 1, forbidden: 0, unsupported: 5, "too-large": 0, invalid: 4, busy: 0, aborted: 0 },
  );
});

test("a body that is too large, announced, endless or unpacked, is refused", async (t) => {
  const { receiver, port } = await receiving(t);
  assert.match(await exchange(port, head("Content-Length: 4194305")), /^HTTP\/1\.1 413 /);
  const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;
  const endless = Array.from({ length: 80 }, () => chunk);
  assert.match(await exchange(port, head("Transfer-Encoding: chunked"), ...endless), /^HTTP\/1\.1 413 /);
  const bomb = gzipSync(Buffer.alloc(17 * 1024 * 1024));
  assert.ok(bomb.length < 100_000);
  assert.equal((await send(port, bomb, { headers: { "content-encoding": "gzip" } })).status, 413);
  assert.equal(receiver.stats().exports["too-large"], 3);
  assert.equal((await send(port, mixed)).status, 200);
});

test("more bodies at once than are taken are put off; one that goes away is counted", async (t) => {
  const { receiver, port } = await receiving(t);
  const slow = Array.from({ length: 4 }, () => open(port));
  for (const socket of slow) socket.write(`${head("Content-Length: 100")}some`);
  // The fifth, once the four are being read.
  const busy = async () => {
    const answer = await send(port, new Uint8Array());
    return answer.status === 503 ? answer : undefined;
  };
  const refused = await until(busy);
  assert.equal(refused.headers["retry-after"], "1");
  for (const socket of slow) socket.destroy();
  await until(async () => (receiver.stats().exports.aborted === 4 ? true : undefined));
  assert.equal((await send(port, mixed)).status, 200);
});

test("a body that does not come to its end is cut", { timeout: 60_000 }, async (t) => {
  const { receiver, port } = await receiving(t);
  const socket = open(port);
  socket.write(`${head("Content-Length: 1000000")}`);
  const drip = setInterval(() => socket.write("x"), 500);
  t.after(() => clearInterval(drip));
  await once(socket.resume(), "close");
  await until(async () => (receiver.stats().exports.aborted === 1 ? true : undefined));
});

test("after stop nothing is told", async (t) => {
  const { sink, receiver, port } = await receiving(t);
  await send(port, mixed);
  receiver.stop();
  await send(port, mixed);
  await assert.rejects(sink.told(1, 2500), /0 of 1/);
  assert.deepEqual(sink.requests, []);
});

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (let attempt = 0; attempt < 400; attempt++) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error("it did not come about");
}
