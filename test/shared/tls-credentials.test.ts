import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { createServer, type TLSSocket } from "node:tls";
import { Client } from "@grpc/grpc-js";
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
