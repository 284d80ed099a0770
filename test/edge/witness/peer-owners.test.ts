import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { createPeerOwners, type Peer, type PeerOwners } from "../../../src/edge/witness/peer-owners.ts";

interface Meeting {
  readonly owners: PeerOwners;
  /** A client's socket and what the server knows of it. */
  join(): Promise<{ readonly client: Socket; readonly peer: Peer }>;
}

async function meet(context: TestContext): Promise<Meeting> {
  const accepted: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    accepted.push(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => {
    for (const socket of accepted) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    owners: createPeerOwners({ address: "127.0.0.1", port }),
    async join() {
      const client = connect({ port, host: "127.0.0.1", localAddress: "127.0.0.9" });
      context.after(() => client.destroy());
      client.on("error", () => {});
      await Promise.all([once(client, "connect"), once(server, "connection")]);
      return { client, peer: { address: "127.0.0.9", port: client.localPort ?? 0 } };
    },
  };
}

test("a peer is its socket's owner, many at once", async (context) => {
  const { owners, join } = await meet(context);
  const peers = await Promise.all(Array.from({ length: 40 }, () => join()));
  const found = await Promise.all(peers.map(({ peer }) => owners.ownerOf(peer)));
  assert.deepEqual([...new Set(found)], [process.getuid?.()]);
});

test("a peer that has closed is nobody: the kernel shows user 0 for such sockets", async (context) => {
  const { owners, join } = await meet(context);
  const { client, peer } = await join();
  client.destroy();
  await once(client, "close");
  assert.equal(await owners.ownerOf(peer), undefined, "orphaned, while we still hold our end");
});

test("a peer that never was is nobody", async (context) => {
  const { owners } = await meet(context);
  assert.equal(await owners.ownerOf({ address: "127.0.0.9", port: 9 }), undefined);
});

test("a question about a connection that is gone is answered without a search", async (context) => {
  const { owners, join } = await meet(context);
  const { peer } = await join();
  const answer = owners.ownerOf(peer);
  owners.forget(peer);
  assert.equal(await answer, undefined);
});
