// A process of its own: mTLS and nothing else. Writes what it is told to all who are connected; or notes each first, some
// at a time, as one key in an etcd.
import { createServer, type TLSSocket } from "node:tls";
import { createEtcdEngine } from "../../../../src/fleet/engine/etcd/etcd-engine.ts";

export interface BareOrder {
  readonly bytes: number;
  readonly isDurable: boolean;
}

/** A transaction, and how many are under way at once. */
const [TOGETHER, AT_ONCE] = [120, 4] as const;
/** As large as a node's status. */
const NOTE = Buffer.alloc(700, "x");

const { CA: ca, CERT: cert, KEY: key, ETCD = "" } = process.env;
if (ca === undefined || cert === undefined || key === undefined)
  throw new Error("CA, CERT and KEY are needed");
const engine = await createEtcdEngine({
  endpoints: ETCD.split(","),
  nowMs: () => performance.now(),
  random: Math.random,
});
const sockets = new Set<TLSSocket>();
const server = createServer(
  { ca, cert, key, requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.3" },
  (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
    socket.resume();
    socket.write(Buffer.alloc(4));
  },
);
server.listen({ port: 0, host: "127.0.0.1", backlog: 4_000 }, () => {
  process.send?.({ port: (server.address() as { readonly port: number }).port });
});
process.on("disconnect", () => process.exit(1));
process.on("message", (order: BareOrder) => void tellAll(order));

async function tellAll({ bytes, isDurable }: BareOrder): Promise<void> {
  const message = Buffer.alloc(4 + bytes);
  message.writeUInt32BE(bytes, 0);
  const all = [...sockets].entries();
  if (!isDurable) {
    for (const socket of sockets) socket.write(message);
    return;
  }
  const work = async (): Promise<void> => {
    for (;;) {
      const some = [...take(all, TOGETHER)];
      if (some.length === 0) return;
      const success = some.map(([index]) => ({ kind: "put", key: `/bare/n${index}`, value: NOTE }) as const);
      await engine.txn({ success });
      for (const [, socket] of some) socket.write(message);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

function* take<T>(all: Iterator<T>, count: number): Iterable<T> {
  for (let taken = 0; taken < count; taken++) {
    const { done, value } = all.next();
    if (done) return;
    yield value;
  }
}
