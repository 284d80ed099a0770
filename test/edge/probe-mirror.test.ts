import assert from "node:assert/strict";
import { connect, createServer as createTcpServer } from "node:net";
import type { Duplex } from "node:stream";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { MirrorProbe } from "../../src/agent/ports.ts";
import type { Mirror } from "../../src/core/desired-state/desired-state.ts";
import { createMirrorProber } from "../../src/edge/probe-mirror.ts";
import { createHttpClient } from "../../src/registry/http-client.ts";
import { labSkipReason } from "../support/lab-parts.ts";
import { type LabServer, type ServerTls, startServer } from "../support/lab-server.ts";
import { startRegistry } from "../support/registry.ts";
import { createCa, createSelfSigned, type LabCertificate } from "../support/tls.ts";

const lab = { skip: labSkipReason() ?? false };
const credential = { username: "robot$pull", password: "pa:ss wörd" };

function mirrorAt(url: string, more: Partial<Mirror> = {}): Mirror {
  const { protocol, host } = new URL(url);
  const scheme = protocol === "http:" ? "http" : "https";
  return { scheme, host, path: "", capabilities: ["pull", "resolve"], skipTlsVerify: false, ...more };
}

function probe(
  mirror: Mirror,
  environment: Record<string, string> = {},
  timeoutMs = 5_000,
): Promise<MirrorProbe> {
  return proberWith(environment, timeoutMs).probe(mirror, new AbortController().signal);
}

function proberWith(environment: Record<string, string> = {}, timeoutMs = 5_000) {
  const timeouts = { dialMs: timeoutMs, handshakeMs: timeoutMs, responseMs: timeoutMs };
  const client = createHttpClient({ environment, timeouts });
  return createMirrorProber({ client: async () => client, timeoutMs });
}

async function expectFailure(mirror: Mirror, phase: string, message: RegExp): Promise<MirrorProbe> {
  const result = await probe(mirror);
  assert.equal(result.ok, false);
  assert.equal(result.failure?.phase, phase, result.failure?.message);
  assert.match(result.failure?.message ?? "", message);
  return result;
}

/** A server that answers /v2/ as a registry without demands. */
async function serve(t: TestContext, tls?: ServerTls): Promise<LabServer> {
  const server = await startServer((_request, response) => response.end("{}"), tls);
  t.after(() => server.close());
  return server;
}

test("a real registry without demands is fine", lab, async (t) => {
  const registry = await startRegistry();
  t.after(() => registry.stop());
  const result = await probe(mirrorAt(registry.url, { path: "/v2/some-namespace" }));
  assert.deepEqual(
    { ...result, durationMs: 0 },
    { url: `${registry.url}/v2/`, ok: true, challenge: "none", durationMs: 0 },
  );
});

test("a real registry with Basic and a private CA: accepted, refused, missing", lab, async (t) => {
  const ca = await createCa();
  const registry = await startRegistry({
    tls: await ca.issueServer(),
    auth: { kind: "basic", ...credential },
  });
  t.after(() => registry.stop());
  const mirror = mirrorAt(registry.url, { ca: ca.cert, credential });
  const fine = await probe(mirror);
  assert.deepEqual([fine.ok, fine.challenge, fine.failure], [true, "basic", undefined]);
  const wrong = { ...mirror, credential: { ...credential, password: "s3cret-other" } };
  const refused = await expectFailure(wrong, "auth", /refuses the credentials of "robot\$pull"/);
  assert.equal(refused.challenge, "basic");
  assert.doesNotMatch(JSON.stringify(refused), /s3cret-other/);
  const { credential: _without, ...anonymous } = mirror;
  await expectFailure(anonymous, "auth", /none is configured/);
});

test("a real registry with a token service: accepted, refused, anonymous", lab, async (t) => {
  const auth = { kind: "token", ...credential, anonymousPull: true } as const;
  const registry = await startRegistry({ auth });
  t.after(() => registry.stop());
  for (const mirror of [mirrorAt(registry.url, { credential }), mirrorAt(registry.url)]) {
    const fine = await probe(mirror);
    assert.deepEqual([fine.ok, fine.challenge, fine.failure], [true, "bearer", undefined]);
  }
  const wrong = mirrorAt(registry.url, { credential: { ...credential, password: "other" } });
  const refused = await expectFailure(
    wrong,
    "token",
    /refuses a token for the configured credentials: status 401/,
  );
  assert.equal(refused.challenge, "bearer");
});

test("TLS is judged as Go judges it", async (t) => {
  const ca = await createCa();
  const other = await createCa("other CA");
  const cases: readonly (readonly [string, LabCertificate, Partial<Mirror>, RegExp | undefined])[] = [
    ["trusted by ca", await ca.issueServer(), { ca: ca.cert }, undefined],
    ["unknown authority", await ca.issueServer(), {}, /signed by an unknown authority.*caCert/],
    ["another authority", await ca.issueServer(), { ca: other.cert }, /unknown authority|another CA/],
    ["verification skipped", await ca.issueServer({ hosts: ["x"] }), { skipTlsVerify: true }, undefined],
    ["expired", await ca.issueServer({ expired: true }), { ca: ca.cert }, /expired \(on 2020-02-01\); renew/],
    [
      "wrong name",
      await ca.issueServer({ hosts: ["mirror.corp"] }),
      { ca: ca.cert },
      /not valid for 127\.0\.0\.1 but for mirror\.corp/,
    ],
    [
      "wrong address",
      await ca.issueServer({ hosts: ["127.0.0.2"] }),
      { ca: ca.cert },
      /not valid for 127\.0\.0\.1 but for 127\.0\.0\.2/,
    ],
    ["the server's own certificate as ca", ...trustingItself(await ca.issueServer()), undefined],
    [
      "Common Name only",
      ...trustingItself(await createSelfSigned("127.0.0.1")),
      /Common Name only, which containerd ignores/,
    ],
    [
      "SHA-1",
      ...trustingItself(await createSelfSigned("x", "-addext", "subjectAltName=IP:127.0.0.1", "-sha1")),
      /SHA-1 or MD5/,
    ],
  ];
  for (const [name, tls, more, expected] of cases) {
    await t.test(name, async (t) => {
      const server = await serve(t, tls);
      const mirror = mirrorAt(server.url, more);
      if (expected !== undefined) await expectFailure(mirror, "tls", expected);
      else assert.equal((await probe(mirror)).failure, undefined);
    });
  }
});

test("a name's wildcard covers one whole label", async (t) => {
  const ca = await createCa();
  const server = await serve(t, await ca.issueServer({ hosts: ["*.corp", "b*.example"] }));
  const { environment } = await startTunnel(t, server.host);
  const at = (name: string) => probe(mirrorAt(`https://${name}:5000`, { ca: ca.cert }), environment);
  assert.equal((await at("mirror.corp")).failure, undefined);
  for (const name of ["a.mirror.corp", "corp", "bar.example"]) {
    assert.match((await at(name)).failure?.message ?? "", /not valid for/, name);
  }
});

test("client certificates: presented, missing, unusable", async (t) => {
  const ca = await createCa();
  const server = await serve(t, { ...(await ca.issueServer()), clientCa: ca.cert });
  const { cert: certificate, key } = await ca.issueClient("node");
  const mirror = mirrorAt(server.url, { ca: ca.cert, client: { certificate, key } });
  assert.equal((await probe(mirror)).failure, undefined);
  const { client: _without, ...anonymous } = mirror;
  await expectFailure(anonymous, "tls", /wants a client certificate/);
  const garbage = { ...mirror, client: { certificate, key: "no key" } };
  await expectFailure(garbage, "tls", /cannot be used/);
  for (let attempt = 0; (await connectionsOf(server)) > 0; attempt++) {
    assert.ok(attempt < 400, "a key that cannot be used leaves no connection open");
    await sleep(25);
  }
});

test("http and https mixed up", async (t) => {
  const plain = await serve(t);
  await expectFailure(mirrorAt(plain.url.replace("http:", "https:")), "tls", /speaks http, not https/);
  const ca = await createCa();
  const secure = await serve(t, await ca.issueServer());
  await expectFailure(
    mirrorAt(secure.url.replace("https:", "http:")),
    "http",
    /without an answer|not answer in http/,
  );
});

test("no name, no listener, no answer", async (t) => {
  await expectFailure(
    mirrorAt("http://mirror.invalid:5000"),
    "dns",
    /mirror\.invalid cannot be resolved on this node/,
  );
  const gone = await startServer(() => undefined, undefined);
  await gone.close();
  await expectFailure(mirrorAt(gone.url), "connect", /connection refused/);
  const mute = await startServer(() => undefined, undefined);
  t.after(() => mute.close());
  const result = await probe(mirrorAt(mute.url), {}, 200);
  assert.equal(result.failure?.phase, "http");
  assert.match(result.failure.message, /does not answer in time/);
  const silent = createTcpServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  t.after(() => silent.close());
  silent.unref();
  const { port } = silent.address() as { port: number };
  const handshake = await probe(mirrorAt(`https://127.0.0.1:${port}`), {}, 200);
  assert.equal(handshake.failure?.phase, "tls");
});

test("an abort ends the probe", async (t) => {
  const mute = await startServer(() => undefined, undefined);
  t.after(() => mute.close());
  const controller = new AbortController();
  const running = proberWith({}, 3_600_000).probe(mirrorAt(mute.url), controller.signal);
  setTimeout(() => controller.abort(), 50);
  assert.equal((await running).ok, false);
  const late = await proberWith().probe(mirrorAt(mute.url), controller.signal);
  assert.equal(late.ok, false);
});

test("what answers but is no registry", async (t) => {
  const answers: Record<string, [number, Record<string, string>, string]> = {
    "/page/": [200, { "content-type": "text/html; charset=utf-8" }, "<html>Sign in</html>"],
    "/error/": [503, {}, ""],
    "/none/": [404, {}, "not found"],
  };
  for (const [name, expected] of [
    ["page", /web page, not as a registry/],
    ["error", /status 503/],
    ["none", /status 404/],
  ] as const) {
    const server = await startServer((_request, response) => {
      const [status, headers, body] = answers[`/${name}/`] ?? [500, {}, ""];
      response.writeHead(status, headers).end(body);
    }, undefined);
    t.after(() => server.close());
    await expectFailure(mirrorAt(server.url), "http", expected);
  }
});

test("who lets nobody unknown in at the base may serve everybody", async (t) => {
  // Harbor's public projects: a token for anybody, which is not enough for /v2/ itself.
  const server = await startServer((request, response) => {
    if (request.url?.startsWith("/token") === true) response.end('{"token":"anonymous"}');
    else response.writeHead(401, { "www-authenticate": `Bearer realm="${server.url}/token"` }).end();
  }, undefined);
  t.after(() => server.close());
  assert.deepEqual((await probe(mirrorAt(server.url))).failure, undefined);
  await expectFailure(mirrorAt(server.url, { credential }), "token", /answers without a token/);
});

test("a mirror that only knows its own path is asked there", async (t) => {
  const server = await startServer((request, response) => {
    const known = request.url?.startsWith("/v2/hub/") === true;
    response.writeHead(404, known ? { "content-type": "application/json" } : {});
    response.end(known ? '{"errors":[{"code":"NAME_UNKNOWN"}]}' : "nginx");
  }, undefined);
  t.after(() => server.close());
  assert.equal((await probe(mirrorAt(server.url, { path: "/v2/hub" }))).failure, undefined);
  await expectFailure(
    mirrorAt(server.url, { path: "/v2/other" }),
    "http",
    /\/v2\/other\/ answers status 404/,
  );
});

test("credentials stay with their host: redirects, foreign realms, link-local addresses", async (t) => {
  const seen: (string | undefined)[] = [];
  const other = await startServer((request, response) => {
    seen.push(request.headers.authorization);
    response.end("{}");
  }, undefined);
  t.after(() => other.close());
  let location = `${other.url}/v2/`;
  const server = await startServer((request, response) => {
    if (request.headers.authorization !== undefined) response.writeHead(307, { location }).end();
    else response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
  }, undefined);
  t.after(() => server.close());
  const mirror = mirrorAt(server.url, { credential });
  assert.equal((await probe(mirror)).failure, undefined);
  assert.deepEqual(seen, [undefined]);
  location = "http://169.254.169.254/latest/meta-data";
  await expectFailure(mirror, "http", /link-local address; not followed/);
});

test("credentials are not sent from https to a token service over http", async (t) => {
  const seen: string[] = [];
  const tokens = await startServer((request, response) => {
    seen.push(request.url ?? "");
    response.end('{"token":"t"}');
  }, undefined);
  t.after(() => tokens.close());
  const ca = await createCa();
  const server = await startServer(
    (_request, response) => {
      response.writeHead(401, { "www-authenticate": `Bearer realm="${tokens.url}/token"` }).end();
    },
    await ca.issueServer(),
  );
  t.after(() => server.close());
  await expectFailure(
    mirrorAt(server.url, { ca: ca.cert, credential }),
    "token",
    /over plain http.*not sent/,
  );
  assert.deepEqual(seen, []);
});

test("containerd's proxy is used, for http and as a tunnel for https, and not for exempt hosts", async (t) => {
  const ca = await createCa();
  const target = await serve(t, await ca.issueServer({ hosts: ["mirror.corp"] }));
  const { environment, seen } = await startTunnel(t, target.host, "other.corp:443");
  const login = Buffer.from("u:p w").toString("base64");
  assert.equal((await probe(mirrorAt("http://mirror.corp"), environment)).failure, undefined);
  const secure = mirrorAt("https://mirror.corp:5000", { ca: ca.cert });
  assert.equal((await probe(secure, environment)).failure, undefined);
  const refused = await probe(mirrorAt("https://other.corp"), environment);
  assert.equal(refused.failure?.phase, "connect");
  assert.match(refused.failure.message, /proxy .* answers 403/);
  assert.doesNotMatch(refused.failure.message, /p%20w|p w/);
  assert.equal((await probe(mirrorAt("http://direct.invalid"), environment)).failure?.phase, "dns");
  assert.deepEqual(seen, [
    `GET http://mirror.corp/v2/ Basic ${login}`,
    `CONNECT mirror.corp:5000 Basic ${login}`,
    `CONNECT other.corp:443 Basic ${login}`,
  ]);
});

/** A proxy whose tunnels all lead to `host`, but for the one it refuses. */
async function startTunnel(t: TestContext, host: string, refused?: string) {
  const seen: string[] = [];
  const proxy = await startServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers["proxy-authorization"]}`);
    response.end("{}");
  }, undefined);
  const sockets: Duplex[] = [];
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    return proxy.close();
  });
  proxy.server.on("connect", (request, client: Duplex) => {
    seen.push(`CONNECT ${request.url} ${request.headers["proxy-authorization"]}`);
    sockets.push(client);
    if (request.url === refused) {
      client.end("HTTP/1.1 403 Forbidden\r\n\r\n");
      return;
    }
    const [address = "", port] = host.split(":");
    const onward = connect(Number(port), address);
    sockets.push(onward);
    onward.on("error", () => client.destroy());
    client.on("error", () => onward.destroy());
    client.write("HTTP/1.1 200 OK\r\n\r\n");
    client.pipe(onward).pipe(client);
  });
  const url = proxy.url.replace("//", "//u:p%20w@");
  return { environment: { HTTP_PROXY: url, https_proxy: url, NO_PROXY: "direct.invalid" }, seen };
}

function connectionsOf({ server }: LabServer): Promise<number> {
  return promisify(server.getConnections.bind(server))();
}

function trustingItself(pair: LabCertificate): [LabCertificate, Partial<Mirror>] {
  return [pair, { ca: pair.cert }];
}
