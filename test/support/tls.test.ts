import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { request } from "node:https";
import { test } from "node:test";
import { type LabServer, type ServerTls, startServer } from "./lab-server.ts";
import { createCa } from "./tls.ts";

test("server certificates are good for the names asked for, with this CA only", async (context) => {
  const [ca, other] = await Promise.all([createCa(), createCa("other")]);
  const server = await started(context, await ca.issueServer({ hosts: ["127.0.0.1", "mirror.test"] }));
  assert.equal(await get(server, { ca: ca.cert }), "200");
  assert.match(await get(server, { ca: other.cert }), /UNABLE_TO_VERIFY|SELF_SIGNED|signature/);
  assert.equal(await get(server, { ca: ca.cert, servername: "mirror.test" }), "200");
  assert.match(await get(server, { ca: ca.cert, servername: "else.test" }), /ERR_TLS_CERT_ALTNAME_INVALID/);
});

test("an expired certificate is refused as expired", async (context) => {
  const ca = await createCa();
  const server = await started(context, await ca.issueServer({ expired: true }));
  assert.match(await get(server, { ca: ca.cert }), /CERT_HAS_EXPIRED/);
  server.setTls(await ca.issueServer());
  assert.equal(await get(server, { ca: ca.cert }), "200");
});

test("a server that asks for client certificates takes those of its CA only", async (context) => {
  const [ca, clientCa] = await Promise.all([createCa(), createCa("clients")]);
  const server = await started(context, { ...(await ca.issueServer()), clientCa: clientCa.cert });
  const client = await clientCa.issueClient("node-1");
  assert.equal(new X509Certificate(client.cert).subject, "CN=node-1");
  assert.equal(await get(server, { ca: ca.cert, ...client }), "200");
  assert.notEqual(await get(server, { ca: ca.cert }), "200");
  assert.notEqual(await get(server, { ca: ca.cert, ...(await ca.issueClient("stranger")) }), "200");
});

async function started(
  context: { after(fn: () => Promise<void>): void },
  tls: ServerTls,
): Promise<LabServer> {
  const server = await startServer((_request, response) => response.end(), tls);
  context.after(() => server.close());
  return server;
}

function get(server: LabServer, options: object): Promise<string> {
  return new Promise((resolve) => {
    const sent = request(server.url, { ...options, agent: false }, (response) => {
      response.resume();
      resolve(String(response.statusCode));
    });
    sent.on("error", (error: NodeJS.ErrnoException) => resolve(`${error.code} ${error.message}`));
    sent.end();
  });
}
