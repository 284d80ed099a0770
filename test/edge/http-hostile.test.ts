import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import type { Log } from "../../src/agent/ports.ts";
import { healthRoutes } from "../../src/edge/health-routes.ts";
import { type Route, text } from "../../src/edge/http-routes.ts";
import { listenHttp } from "../../src/edge/http-server.ts";
import { createPeerTrust } from "../../src/edge/peer-trust.ts";
import { createPeerOwners } from "../../src/host/peer-owner.ts";
import { nobodySkipReason, startClientAsNobody } from "../support/client-as-nobody.ts";

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** The agent's own server, as it is wired, with a page of some size. */
async function listening(t: TestContext) {
  const page: Route = { path: "/", listener: "agent", handle: () => text(200, "p".repeat(20_000)) };
  const taking: Route = {
    path: "/v1/traces",
    listener: "agent",
    methods: ["POST"],
    async handle({ incoming }) {
      for await (const _ of incoming);
      return text(200, "taken");
    },
  };
  const trustOf = createPeerTrust({
    ownerOfPeer: createPeerOwners().ownerOf,
    ownUid: process.getuid?.() ?? -1,
  });
  const listeners = await listenHttp({
    address: "127.0.0.1:0",
    metricsAddress: undefined,
    allowedHosts: [],
    routes: [...healthRoutes([]), page, taking],
    trustOf,
    log: silent,
  });
  t.after(() => listeners.close());
  return Number(listeners.address.split(":")[1]);
}

function open(t: TestContext, port: number): Socket {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  t.after(() => socket.destroy());
  return socket;
}

/** Sends raw bytes and returns everything that came until the other side closed. */
async function exchange(t: TestContext, port: number, bytes: string): Promise<string> {
  const socket = open(t, port);
  socket.end(bytes, "latin1");
  let got = "";
  socket.on("data", (chunk) => {
    got += chunk;
  });
  // A reset is an end, too.
  await new Promise((resolve) => socket.once("close", resolve));
  return got;
}

const livez = async (t: TestContext, port: number): Promise<string> =>
  exchange(t, port, "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");

test("no form of a foreign Host is answered, and none of our own is refused", async (t) => {
  const port = await listening(t);
  const statusFor = async (host: string) =>
    (await exchange(t, port, `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)).slice(9, 12);
  const foreign = [
    "attacker.example",
    `attacker.example:${port}`,
    "127.0.0.1.nip.io",
    "localhost.attacker.example",
    "attacker.example.localhost",
    "localhost.localdomain",
    "127.0.0.1@attacker.example",
    "attacker.example#127.0.0.1",
    "attacker.example/127.0.0.1",
    "localhost,attacker.example",
    "localhost attacker.example",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.1",
    "0.0.0.0",
    "[::]",
    "[::ffff:10.0.0.1]",
    "192.168.1.1",
    "169.254.169.254",
    "xn--lcalhost-55a",
    "*",
    "..",
    "localhost:99999999",
    "localhost:80:80",
    "\xe9xample",
  ];
  for (const host of foreign) assert.match(await statusFor(host), /^40[03]$/, host);
  for (const host of ["localhost", `localhost:${port}`, "127.0.0.1", "[::1]", "LocalHost."])
    assert.equal(await statusFor(host), "200", host);
  // The Host of one request is not taken from elsewhere.
  const absolute = `GET http://localhost/ HTTP/1.1\r\nHost: attacker.example\r\nConnection: close\r\n\r\n`;
  assert.match(await exchange(t, port, absolute), /^HTTP\/1\.1 403 /);
  const twice = "GET / HTTP/1.1\r\nHost: localhost\r\nHost: attacker.example\r\nConnection: close\r\n\r\n";
  assert.match(await exchange(t, port, twice), /^HTTP\/1\.1 (?:400|403|200) /);
  const forwarded =
    "GET / HTTP/1.1\r\nHost: attacker.example\r\nX-Forwarded-Host: localhost\r\nForwarded: host=localhost\r\nConnection: close\r\n\r\n";
  assert.match(await exchange(t, port, forwarded), /^HTTP\/1\.1 403 /);
});

test("what is no plain request is refused, and closes the connection", { timeout: 120_000 }, async (t) => {
  const port = await listening(t);
  const head = "Host: localhost\r\nConnection: close\r\n";
  const refused: Readonly<Record<string, string>> = {
    "5,000 header lines": `GET / HTTP/1.1\r\n${head}${"a:b\r\n".repeat(5000)}\r\n`,
    "a header of 1 MiB": `GET / HTTP/1.1\r\n${head}a: ${"x".repeat(2 ** 20)}\r\n\r\n`,
    "a name of 100 KiB": `GET / HTTP/1.1\r\n${head}${"x".repeat(100_000)}: a\r\n\r\n`,
    "a path of 100 KiB": `GET /${"x".repeat(100_000)} HTTP/1.1\r\n${head}\r\n`,
    "two lengths": `POST /v1/traces HTTP/1.1\r\n${head}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
    "a length and chunks": `POST /v1/traces HTTP/1.1\r\n${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    "a negative length": `POST /v1/traces HTTP/1.1\r\n${head}Content-Length: -1\r\n\r\n`,
    "a chunk without a size": `POST /v1/traces HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n`,
    "a folded line": `GET / HTTP/1.1\r\n${head}a: b\r\n c: d\r\n\r\n`,
    "NUL in a header": `GET / HTTP/1.1\r\n${head}a: b\0c\r\n\r\n`,
    "a bare CR": `GET / HTTP/1.1\r\n${head}a: b\rc: d\r\n\r\n`,
    "a space before the colon": `GET / HTTP/1.1\r\n${head}a : b\r\n\r\n`,
    "HTTP/2 straight away": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a method of nobody": `${"A".repeat(5000)} / HTTP/1.1\r\n${head}\r\n`,
    "a hello of TLS": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
  };
  for (const [what, bytes] of Object.entries(refused)) {
    const got = await exchange(t, port, bytes);
    assert.ok(got === "" || /^HTTP\/1\.1 4\d\d /.test(got), `${what}: ${got.slice(0, 80)}`);
    assert.doesNotMatch(got, /HTTP\/1\.1 200/, what);
  }
  const upgrade = `GET / HTTP/1.1\r\n${head}Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n`;
  assert.doesNotMatch(await exchange(t, port, upgrade), /^HTTP\/1\.1 101/);
  assert.match(await livez(t, port), /^HTTP\/1\.1 200 /);
});

test("a few requests at once are answered, each after the other", async (t) => {
  const port = await listening(t);
  const one = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const last = one.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
  const got = await exchange(t, port, one.repeat(7) + last);
  assert.equal(got.match(/HTTP\/1\.1 200 /g)?.length, 8);
});

test("a flood of pipelined requests whose answers nobody reads is not answered into memory", {
  timeout: 120_000,
}, async (t) => {
  const port = await listening(t);
  const flood = open(t, port).pause();
  await once(flood, "connect");
  const closed = new Promise((resolve) => flood.once("close", resolve));
  const before = process.memoryUsage().rss;
  // 20,000 answers of 20 kB each would be 400 MB.
  flood.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(20_000));
  for (let i = 0; i < 20; i++) assert.match(await livez(t, port), /^HTTP\/1\.1 200 /);
  assert.ok(process.memoryUsage().rss - before < 200_000_000, "they were answered into memory");
  let bytes = 0;
  flood.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
  });
  flood.resume();
  await closed;
  assert.ok(bytes <= 8 * 21_000, `${bytes} bytes were answered`);
});

test("while another user holds 300 connections of every slow kind, root is answered", {
  skip: nobodySkipReason,
  timeout: 120_000,
}, async (t) => {
  const port = await listening(t);
  const client = await startClientAsNobody();
  t.after(() => client.stop());
  const kinds = [
    "",
    "GET / HTTP/1.1\r\nHost: localhost\r\nX: ",
    "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nx",
    "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\nx",
    "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(200),
  ];
  for (let i = 0; i < 300; i++) {
    await client.connect(port, { bytes: kinds[i % kinds.length] as string });
    if (i % 30 === 29) assert.match(await livez(t, port), /^HTTP\/1\.1 200 /, `after ${i + 1}`);
  }
});

test("a body that trickles is cut off", { timeout: 120_000 }, async (t) => {
  const port = await listening(t);
  const socket = open(t, port);
  socket.write("POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n");
  const drip = setInterval(() => socket.write("x"), 300);
  t.after(() => clearInterval(drip));
  let got = "";
  socket.on("data", (chunk) => {
    got += chunk;
  });
  await once(socket, "close");
  assert.doesNotMatch(got, /200 OK/);
});
