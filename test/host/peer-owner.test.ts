import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import type { PeerAddresses } from "../../src/host/connection-table.ts";
import { createPeerOwners } from "../../src/host/peer-owner.ts";
import { nobody, nobodySkipReason, startClientAsNobody } from "../support/client-as-nobody.ts";

const own = process.getuid?.() ?? -1;

async function listening(t: TestContext, host: string) {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, host);
  await once(server, "listening");
  const opened: Socket[] = [];
  t.after(() => {
    for (const socket of opened) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    /** Makes a connection and returns the accepting end. */
    async accept(open: () => unknown): Promise<Socket> {
      const accepted = once(server, "connection");
      await open();
      const [socket] = (await accepted) as [Socket];
      opened.push(socket);
      return socket;
    },
    connectTo(address: string): Socket {
      const socket = connect(port, address);
      opened.push(socket);
      return socket;
    },
  };
}

const owners = createPeerOwners();

async function assertOwner(peer: PeerAddresses, expected: number | undefined): Promise<void> {
  assert.equal(await owners.ownerOf(peer), expected);
}

test("a connection of our own: IPv4, IPv6, IPv4 to a dual-stack listener, IPv4 from an IPv6 socket", async (t) => {
  for (const [listen, address] of [
    ["127.0.0.1", "127.0.0.1"],
    ["127.0.0.3", "127.0.0.3"],
    ["::1", "::1"],
    ["::", "127.0.0.1"],
    ["::", "::1"],
    ["127.0.0.1", "::ffff:127.0.0.1"],
  ] as const) {
    const server = await listening(t, listen);
    const socket = await server.accept(() => server.connectTo(address));
    await assertOwner(socket, own);
  }
});

test("a connection of another user", { skip: nobodySkipReason }, async (t) => {
  const client = await startClientAsNobody();
  t.after(() => client.stop());
  for (const host of ["127.0.0.1", "::1"]) {
    const server = await listening(t, host);
    const theirs = await server.accept(() => client.connect(server.port, { host }));
    const ours = await server.accept(() => server.connectTo(host));
    await assertOwner(theirs, nobody);
    await assertOwner(ours, own);
  }
});

test("an end that is closed has no owner: kernels say root of it, sooner or later", {
  skip: nobodySkipReason,
}, async (t) => {
  const client = await startClientAsNobody();
  t.after(() => client.stop());
  const server = await listening(t, "127.0.0.1");
  const socket = await server.accept(() => client.connect(server.port, { bytes: "forged" }));
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  const ended = once(socket.resume(), "end");
  await client.closeAll();
  await ended;
  // Ours stays open: the other end is now in FIN_WAIT2 (uid 0 on older kernels), then in TIME_WAIT (uid 0 on all).
  await assertOwner({ localAddress, localPort, remoteAddress, remotePort }, undefined);
  socket.end();
  await once(socket, "close");
  await assertOwner({ localAddress, localPort, remoteAddress, remotePort }, undefined);
});

test("what is not a loopback connection has no owner", async () => {
  const base = { localAddress: "127.0.0.1", localPort: 80, remoteAddress: "127.0.0.1", remotePort: 1 };
  await assertOwner(base, undefined);
  await assertOwner({}, undefined);
  for (const remoteAddress of ["10.0.0.1", "::ffff:10.0.0.1", "fe80::1", "", "127.0.0.1.evil"])
    await assertOwner({ ...base, remoteAddress }, undefined);
});

test("many at once are looked up together, also those that fall across two pieces of the table", async (t) => {
  const server = await listening(t, "127.0.0.1");
  const sockets: Socket[] = [];
  // Some 150 bytes each for both ends, of pieces of 64 KiB.
  for (let i = 0; i < 600; i++) sockets.push(await server.accept(() => server.connectTo("127.0.0.1")));
  const found = await Promise.all(sockets.map((socket) => owners.ownerOf(socket)));
  assert.deepEqual(new Set(found), new Set([own]));
});

test("a question about a connection that is gone is answered without a search", async (t) => {
  const server = await listening(t, "127.0.0.1");
  const socket = await server.accept(() => server.connectTo("127.0.0.1"));
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  const peer = { localAddress, localPort, remoteAddress, remotePort };
  const answer = owners.ownerOf(peer);
  owners.forget(peer);
  assert.equal(await answer, undefined);
  const [former, newer] = await Promise.all([owners.ownerOf(peer), owners.ownerOf(peer)]);
  assert.deepEqual([former, newer], [undefined, own], "the same ends again are another connection");
});
