import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { HostError, type Log } from "../../src/agent/ports.ts";
import { type HealthCheck, healthRoutes } from "../../src/edge/health-routes.ts";
import { type Route, text } from "../../src/edge/http-routes.ts";
import { type HttpOptions, listenHttp } from "../../src/edge/http-server.ts";

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

async function listening(t: TestContext, routes: readonly Route[], more: Partial<HttpOptions> = {}) {
  const listeners = await listenHttp({
    address: "127.0.0.1:0",
    metricsAddress: undefined,
    allowedHosts: [],
    routes,
    log: silent,
    ...more,
  });
  t.after(() => listeners.close());
  return listeners;
}

async function get(address: string, path: string, options: { host?: string; method?: string } = {}) {
  const { host = address, method = "GET" } = options;
  const sent = httpRequest(`http://${address}`, { path, method, headers: { host }, agent: false });
  sent.end();
  const [response] = await once(sent, "response");
  let body = "";
  for await (const chunk of response) body += chunk;
  return { status: response.statusCode as number, body, headers: response.headers };
}

/** Sends raw bytes and returns everything that came until the other side closed. */
async function exchange(address: string, bytes: string): Promise<string> {
  const socket = open(address);
  socket.write(bytes);
  let got = "";
  socket.on("data", (chunk) => {
    got += chunk;
  });
  await once(socket, "close");
  return got;
}

function open(address: string): Socket {
  const socket = connect(Number(address.split(":").at(-1)), "127.0.0.1");
  socket.on("error", () => {});
  return socket;
}

const hello: Route = { path: "/hello", listener: "metrics", handle: () => text(200, "hello") };

test("routes by exact path, then by prefix; everything else is 404", async (t) => {
  const rest: Route = { path: "/part/*", listener: "agent", handle: ({ rest }) => text(200, `<${rest}>`) };
  const query: Route = {
    path: "/q",
    listener: "agent",
    handle: ({ query }) => text(200, query.get("a") ?? ""),
  };
  const { address } = await listening(t, [hello, rest, query]);
  assert.equal((await get(address, "/hello")).body, "hello\n");
  assert.equal((await get(address, "/part/a%20b/c")).body, "<a b/c>\n");
  assert.equal((await get(address, "/q?a=1&b=2")).body, "1\n");
  for (const path of ["/", "/hello/", "/part/", "/part", "/part/%zz", "//hello", "/../hello", "*"]) {
    assert.equal((await get(address, path)).status, 404, path);
  }
});

test("HEAD answers without a body, other methods are refused with Allow", async (t) => {
  const post: Route = {
    path: "/post",
    listener: "agent",
    methods: ["POST"],
    handle: () => text(202, "taken"),
  };
  const { address } = await listening(t, [hello, post]);
  const head = await get(address, "/hello", { method: "HEAD" });
  assert.deepEqual([head.status, head.body, head.headers["content-length"]], [200, "", "6"]);
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"]) {
    const refused = await get(address, "/hello", { method });
    assert.deepEqual([refused.status, refused.headers.allow], [405, "GET, HEAD"], method);
  }
  assert.equal((await get(address, "/post", { method: "POST" })).status, 202);
  assert.equal((await get(address, "/post")).status, 405);
});

test("a foreign Host is refused, our own names are answered", async (t) => {
  const { address } = await listening(t, [hello], { allowedHosts: ["node-7.example", "[fd00::7]"] });
  const { port } = new URL(`http://${address}`);
  for (const host of [
    "evil.example",
    `evil.example:${port}`,
    "127.0.0.1.evil.example",
    "localhost@evil",
    "10.0.0.1",
  ]) {
    assert.equal((await get(address, "/hello", { host })).status, 403, host);
  }
  for (const host of [
    address,
    "127.0.0.1",
    "localhost:1",
    "LOCALHOST",
    "[::1]:9",
    "[::1]",
    "Node-7.example.",
    "[fd00::7]:1",
  ]) {
    assert.equal((await get(address, "/hello", { host })).status, 200, host);
  }
  assert.match(
    await exchange(address, "GET /hello HTTP/1.1\r\nHost: \r\nConnection: close\r\n\r\n"),
    / 403 /,
  );
  assert.match(await exchange(address, "GET /hello HTTP/1.1\r\n\r\n"), /^HTTP\/1\.1 400 /);
  assert.match(await exchange(address, "GET /hello HTTP/1.0\r\n\r\n"), /^HTTP\/1\.1 200 /);
});

test("on loopback by another of its addresses, the address connected to is a good Host", async (t) => {
  const { address } = await listening(t, [hello], { address: "127.0.0.2:0" });
  assert.equal((await get(address, "/hello")).status, 200);
  assert.equal((await get(address, "/hello", { host: "127.0.0.3" })).status, 403);
});

test("with an address of its own, metrics and health are there and not here", async (t) => {
  const agentRoute: Route = { path: "/status.json", listener: "agent", handle: () => text(200, "{}") };
  const { address, metricsAddress } = await listening(t, [hello, agentRoute], {
    metricsAddress: "127.0.0.1:0",
  });
  assert.notEqual(address, metricsAddress);
  assert.equal((await get(metricsAddress, "/hello")).status, 200);
  assert.equal((await get(metricsAddress, "/status.json")).status, 404);
  assert.equal((await get(address, "/hello")).status, 404);
  assert.equal((await get(address, "/status.json")).status, 200);
});

test("a handler that throws or rejects gives 500, and the next request is answered", async (t) => {
  const logged: string[] = [];
  const log: Log = { ...silent, error: (fields) => logged.push(String(fields["error"])) };
  const bad: Route[] = [
    {
      path: "/throws",
      listener: "agent",
      handle: () => {
        throw new Error("boom with hunter2");
      },
    },
    { path: "/rejects", listener: "agent", handle: () => Promise.reject(new Error("boom")) },
  ];
  const { address } = await listening(t, [...bad, hello], { log });
  for (const path of ["/throws", "/rejects"]) {
    const { status, body } = await get(address, path);
    assert.equal(status, 500);
    assert.doesNotMatch(body, /boom|hunter2/);
  }
  assert.equal(logged.length, 2);
  assert.equal((await get(address, "/hello")).status, 200);
});

test("an address that is taken is a clear error, and nothing stays open", async (t) => {
  const { address } = await listening(t, [hello]);
  const taken = (options: Partial<HttpOptions>) =>
    assert.rejects(listening(t, [hello], options), (error: unknown) => {
      assert.ok(error instanceof HostError);
      assert.equal(error.code, "address-in-use");
      assert.match(error.message, new RegExp(`^cannot listen on ${address}: another program listens there`));
      return true;
    });
  await taken({ address });
  const free = await listening(t, [hello]);
  await free.close();
  await taken({ address: free.address, metricsAddress: address });
  await listening(t, [hello], { address: free.address });
  await assert.rejects(listening(t, [], { address: "192.0.2.1:9" }), { code: "address-unavailable" });
});

test("too long headers are refused", async (t) => {
  const { address } = await listening(t, [hello]);
  const head = (length: number) =>
    `GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX: ${"x".repeat(length)}\r\n\r\n`;
  assert.match(await exchange(address, head(7000)), /^HTTP\/1\.1 200 /);
  assert.match(await exchange(address, head(9000)), /^HTTP\/1\.1 431 /);
  assert.match(await exchange(address, "\u0016\u0003\u0001 nonsense\r\n\r\n"), /^HTTP\/1\.1 400 /);
});

test("clients that send slowly or nothing are dropped, and do not keep others out for long", {
  timeout: 120_000,
}, async (t) => {
  const { address } = await listening(t, [hello]);
  const slow = Array.from({ length: 80 }, () => open(address));
  t.after(() => {
    for (const socket of slow) socket.destroy();
  });
  for (const socket of slow.slice(0, 40)) socket.write("GET /hello HTTP/1.1\r\nHost: localhost\r\nX: ");
  await Promise.all(slow.map((socket) => once(socket.resume(), "close")));
  assert.equal((await get(address, "/hello")).status, 200);
});

test("no more than 64 connections at once", async (t) => {
  const { address } = await listening(t, [hello]);
  const opened: Socket[] = [];
  t.after(() => {
    for (const socket of opened) socket.destroy();
  });
  const openOne = async () => {
    const socket = open(address);
    opened.push(socket);
    await once(socket, "connect");
    return socket;
  };
  for (let i = 0; i < 64; i++) await openOne();
  await once((await openOne()).resume(), "close");
  assert.ok(opened.slice(0, 64).every((socket) => socket.readyState === "open"));
  const [first] = opened;
  assert.ok(first);
  first.write("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
  assert.match(String((await once(first, "data"))[0]), /^HTTP\/1\.1 200 /);
});

test("a client that does not take its answer is dropped", { timeout: 120_000 }, async (t) => {
  let serverSide: Socket | undefined;
  const huge: Route = {
    path: "/huge",
    listener: "agent",
    handle: ({ incoming }) => {
      serverSide = incoming.socket;
      return text(200, "x".repeat(50_000_000));
    },
  };
  const { address } = await listening(t, [huge]);
  const client = open(address).pause();
  t.after(() => client.destroy());
  client.write("GET /huge HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await once(client, "readable");
  assert.ok(serverSide);
  if (!serverSide.destroyed) await once(serverSide, "close");
  assert.equal(client.destroyed, false);
});

function checks(...results: readonly [name: string, ok: boolean, message: string][]): readonly HealthCheck[] {
  return results.map(([name, ok, message]) => ({ name, check: () => ({ ok, message }) }));
}

test("readyz: ok, verbose, failing, excluded, single", async (t) => {
  const { address } = await listening(
    t,
    healthRoutes(checks(["desired-state", true, "generation 3"], ["containerd", false, "no\nsocket"])),
  );
  const failing =
    "[+]ping ok\n[+]desired-state ok: generation 3\n[-]containerd failed: no socket\nreadyz check failed\n";
  for (const path of ["/readyz", "/readyz?verbose"]) {
    const { status, body } = await get(address, path);
    assert.deepEqual([status, body], [503, failing]);
  }
  assert.deepEqual((await get(address, "/readyz?exclude=containerd")).body, "ok\n");
  assert.equal(
    (await get(address, "/readyz?verbose&exclude=containerd&exclude=x%0A")).body,
    '[+]ping ok\n[+]desired-state ok: generation 3\n[+]containerd excluded: ok\nwarn: there is no check "x\\n" to exclude\nreadyz check passed\n',
  );
  assert.equal((await get(address, "/readyz/desired-state")).status, 200);
  assert.equal((await get(address, "/readyz/containerd")).status, 503);
  assert.equal((await get(address, "/readyz/other")).status, 404);
});

test("livez looks at nothing but the event loop", async (t) => {
  const broken: HealthCheck = {
    name: "broken",
    check: () => {
      throw new Error("broken check");
    },
  };
  const { address } = await listening(t, healthRoutes([broken]));
  assert.deepEqual((await get(address, "/livez")).body, "ok\n");
  assert.equal((await get(address, "/livez?verbose")).body, "[+]ping ok\nlivez check passed\n");
  const ready = await get(address, "/readyz");
  assert.equal(ready.status, 503);
  assert.match(ready.body, /\[-\]broken failed: the check itself failed: broken check/);
});
