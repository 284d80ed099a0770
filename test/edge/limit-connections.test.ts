import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request as httpRequest, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { limitConnections } from "../../src/edge/limit-connections.ts";
import { createPeerTrust } from "../../src/edge/peer-trust.ts";
import { createPeerOwners } from "../../src/host/peer-owner.ts";
import { nobodySkipReason, startClientAsNobody } from "../support/client-as-nobody.ts";

const trustOf = createPeerTrust({
  ownerOfPeer: createPeerOwners().ownerOf,
  ownUid: process.getuid?.() ?? -1,
});

async function listening(t: TestContext) {
  const server = createServer((_request, response) => response.end("ok\n"));
  let asked = 0;
  limitConnections(server, (socket) => {
    asked++;
    return trustOf(socket).finally(() => asked--);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { server, port: (server.address() as AddressInfo).port, lookUps: () => asked };
}

async function statusOf(port: number): Promise<number | undefined> {
  const sent = httpRequest({ port, path: "/livez", agent: false });
  sent.end();
  const [response] = await once(sent, "response");
  response.resume();
  return response.statusCode;
}

async function openConnections(server: Server): Promise<number> {
  return new Promise((resolve, reject) =>
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
  );
}

test("a user who takes every connection keeps root out of none", { skip: nobodySkipReason }, async (t) => {
  const { server, port } = await listening(t);
  const client = await startClientAsNobody();
  t.after(() => client.stop());
  for (let i = 0; i < 150; i++) await client.connect(port);
  for (let i = 0; i < 20; i++) assert.equal(await statusOf(port), 200);
  for (let attempt = 0; (await openConnections(server)) > 48; attempt++) {
    assert.ok(attempt < 200, "those beyond their share are closed");
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.equal(await openConnections(server), 48);
  await client.closeAll();
  for (let attempt = 0; (await openConnections(server)) > 0; attempt++) {
    assert.ok(attempt < 200, "their places are free again");
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.match(await client.exchange(port, "GET / HTTP/1.0\r\n\r\n"), /^HTTP\/1\.1 200 /);
});

test("root itself has an end, too", async (t) => {
  const { port, lookUps } = await listening(t);
  const opened: Socket[] = [];
  t.after(() => {
    for (const socket of opened) socket.destroy();
  });
  let closed = 0;
  for (let i = 0; i < 300; i++) {
    const socket = connect(port, "127.0.0.1").on("error", () => {});
    socket.resume().on("close", () => closed++);
    opened.push(socket);
    await once(socket, "connect");
    // Not faster than this machine tells whose they are: who waits too long for that makes room.
    while (lookUps() > 20) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  for (let attempt = 0; closed < 44; attempt++) {
    assert.ok(attempt < 200, `${closed} of 44 were closed`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.equal(closed, 44);
});
