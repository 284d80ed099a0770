import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { type ConnectionOptions, createServer, type TLSSocket } from "node:tls";
import { type ChannelCredentials, Client, credentials } from "@grpc/grpc-js";
import { createTlsCredentials } from "../../src/shared/tls-credentials.ts";
import { createCa } from "../support/tls.ts";

test("a server is asked for by its name, and not by an address; Node has nothing to warn of", async (t) => {
  const warned: string[] = [];
  process.on("warning", ({ message }) => warned.push(message));
  const ca = await createCa();
  const { cert, key } = await ca.issueServer();
  const server = createServer({ cert, key, ALPNProtocols: ["h2"] });
  await once(server.listen(0, "::"), "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  for (const [host, name] of [
    ["127.0.0.1", false],
    ["[::1]", false],
    ["localhost", "localhost"],
  ] as const) {
    const client = new Client(`${host}:${port}`, createTlsCredentials(Buffer.from(ca.cert), null, null), {
      "grpc.enable_http_proxy": 0,
    });
    client.getChannel().getConnectivityState(true);
    const [socket] = (await once(server, "secureConnection")) as [TLSSocket];
    assert.equal((socket as unknown as { servername: string | false }).servername, name, host);
    client.close();
    socket.destroy();
  }
  assert.deepEqual(warned, []);
});

test("grpc-js has what is changed of it; where it has not, its own way holds and the certificate is checked", async (t) => {
  const prototype = Object.getPrototypeOf(credentials.createSsl()) as ChannelCredentials;
  const own = prototype._createSecureConnector;
  t.after(() => {
    prototype._createSecureConnector = own;
  });
  const target = { scheme: "dns", authority: "", path: "127.0.0.1:1" };
  const optionsOf = (): ConnectionOptions | undefined =>
    (createTlsCredentials(null, null, null)._createSecureConnector(target, {}) as never as Connector)
      .connectionOptions;
  assert.deepEqual([optionsOf()?.servername, optionsOf()?.host], [undefined, "127.0.0.1"]);

  prototype._createSecureConnector = function (...input) {
    const connector = own.apply(this, input) as never as Connector;
    delete connector.connectionOptions?.host;
    return connector as never;
  };
  assert.equal(optionsOf()?.servername, "127.0.0.1", "without host, the name says what is checked");
  prototype._createSecureConnector = () => ({}) as never;
  assert.equal(optionsOf(), undefined);
  delete (prototype as { _createSecureConnector?: unknown })._createSecureConnector;
  assert.ok(createTlsCredentials(null, null, null)._isSecure());
});

interface Connector {
  readonly connectionOptions?: ConnectionOptions;
}
