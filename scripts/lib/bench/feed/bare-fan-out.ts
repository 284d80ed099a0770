// A process of its own: mTLS and nothing else. Writes what it is told to all who are connected.
import { createServer, type TLSSocket } from "node:tls";

const [ca, cert, key] = [process.env["CA"], process.env["CERT"], process.env["KEY"]];
if (ca === undefined || cert === undefined || key === undefined)
  throw new Error("CA, CERT and KEY are needed");
const sockets = new Set<TLSSocket>();
const server = createServer(
  { ca, cert, key, requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.3" },
  (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
    socket.write(Buffer.alloc(4));
  },
);
server.listen({ port: 0, host: "127.0.0.1", backlog: 4_000 }, () => {
  process.send?.({ port: (server.address() as { readonly port: number }).port });
});
process.on("message", (length: number) => {
  const message = Buffer.alloc(4 + length);
  message.writeUInt32BE(length, 0);
  for (const socket of sockets) socket.write(message);
});
