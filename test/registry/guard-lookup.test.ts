import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Ask } from "../../src/registry/ask.ts";
import { fetchToken } from "../../src/registry/fetch-token.ts";
import { nearnessOf, type Resolve } from "../../src/registry/guard-lookup.ts";
import { createHttpClient, type HttpClient } from "../../src/registry/http-client.ts";
import { RegistryError } from "../../src/registry/registry-error.ts";
import { startServer } from "../support/lab-server.ts";

const timeouts = { dialMs: 5_000, handshakeMs: 2_000, responseMs: 2_000 };

/** A service of this node that nobody from outside is to reach, and how often it was. */
async function startInner(t: TestContext) {
  let count = 0;
  const server = await startServer((_request, response) => {
    count++;
    response.end('{"token":"t"}');
  }, undefined);
  t.after(() => server.close());
  return { port: new URL(server.url).port, url: server.url, count: () => count };
}

/** A proxy behind which every host answers with a redirect to `location`; the hosts need not exist. */
async function startOutside(t: TestContext, location: string, resolve?: Resolve): Promise<HttpClient> {
  const proxy = await startServer(
    (_request, response) => response.writeHead(307, { location }).end(),
    undefined,
  );
  t.after(() => proxy.close());
  const environment = { HTTP_PROXY: proxy.url, NO_PROXY: "sneaky.test,storage.test,0.0.0.0" };
  return createHttpClient({ environment, timeouts, ...(resolve === undefined ? {} : { resolve }) });
}

function ask(url: string): Ask {
  return {
    method: "GET",
    url: new URL(url),
    tls: { skipVerify: false },
    signal: new AbortController().signal,
  };
}

async function refusalOf(promise: Promise<unknown>): Promise<readonly [string, string]> {
  const error = await promise.then(
    () => assert.fail("it was followed"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof RegistryError, String(error));
  return [error.code, error.failure.cause];
}

test("a redirect to a name of this node is not followed", async (t) => {
  const inner = await startInner(t);
  const client = await startOutside(t, `http://localhost:${inner.port}/`);
  const [code, cause] = await refusalOf(client.ask(ask("http://192.0.2.1/v2/")));
  assert.equal(code, "loopback");
  assert.match(
    cause,
    /^192\.0\.2\.1 sends us to localhost:\d+ \((127\.0\.0\.1|::1)\), an address of this node/,
  );
  assert.equal(inner.count(), 0);
});

test("…nor one to its address, in whatever way it is written", async (t) => {
  const inner = await startInner(t);
  for (const host of ["127.0.0.1", "127.1", "2130706433", "0.0.0.0", "[::1]"]) {
    const client = await startOutside(t, `http://${host}:${inner.port}/`);
    assert.equal((await refusalOf(client.ask(ask("http://192.0.2.1/v2/"))))[0], "loopback", host);
  }
  assert.equal(inner.count(), 0);
});

test("a name counts for all its addresses, and is looked up once", async (t) => {
  const inner = await startInner(t);
  const asked: string[] = [];
  const addresses: Record<string, readonly string[]> = {
    "mirror.test": ["192.0.2.1"],
    "sneaky.test": ["192.0.2.2", "169.254.169.254"],
  };
  const resolve: Resolve = async (name) => {
    asked.push(name);
    return addresses[name] ?? [];
  };
  const client = await startOutside(t, `http://sneaky.test:${inner.port}/`, resolve);
  assert.equal((await refusalOf(client.ask(ask("http://mirror.test/v2/"))))[0], "link-local");
  assert.deepEqual(asked, ["sneaky.test", "mirror.test"]);
});

test("a name that answers otherwise the next time is connected to where it was looked at", async (t) => {
  const inner = await startInner(t);
  let looks = 0;
  const resolve: Resolve = async () => [looks++ === 0 ? "127.0.0.2" : "127.0.0.1"];
  const client = await startOutside(t, `http://storage.test:${inner.port}/`, resolve);
  await assert.rejects(client.ask(ask("http://127.0.0.1.nip.test/v2/")), RegistryError);
  assert.equal(inner.count(), 0, "nobody listens at the address that was looked at");
});

test("a token service is looked at in the same way", async (t) => {
  const inner = await startInner(t);
  const client = createHttpClient({ environment: {}, timeouts });
  const tokenFrom = (url: string) => {
    const demand = { kind: "bearer", realm: `http://localhost:${inner.port}/token` } as const;
    return fetchToken(client, demand, undefined, [], ask(url));
  };
  assert.equal((await refusalOf(tokenFrom("http://192.0.2.1/v2/")))[0], "loopback");
  assert.equal(inner.count(), 0);
  assert.equal(await tokenFrom("http://127.0.0.1:5000/v2/"), "Bearer t");
});

test("a mirror on this node may lead to another port of it, and a registry to private storage", async (t) => {
  const inner = await startInner(t);
  const mirror = await startServer(
    (_request, response) => response.writeHead(307, { location: `http://localhost:${inner.port}/` }).end(),
    undefined,
  );
  t.after(() => mirror.close());
  const client = createHttpClient({ environment: {}, timeouts });
  assert.equal((await client.ask(ask(`${mirror.url}/v2/`))).status, 200);
  for (const address of ["10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd00::1", "192.0.2.1"])
    assert.equal(nearnessOf(address), undefined, address);
  for (const address of ["fe80::1%eth0", "::ffff:169.254.169.254", "fd00:ec2::254"])
    assert.equal(nearnessOf(address), "link-local", address);
});

test("an IPv4 address in the clothes of IPv6 is what it is", () => {
  for (const address of ["::ffff:127.0.0.1", "::ffff:7f00:1", "::1", "::"])
    assert.equal(nearnessOf(address), "loopback", address);
});
