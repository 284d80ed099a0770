import type { Server, Socket } from "node:net";
import type { PeerTrust } from "./peer-trust.ts";

const MAX_CONNECTIONS = 64;
/** Where it is known who is trusted; the rest is theirs. */
const MAX_ANYBODYS = 48;
/** Trusted ones, and those whose owner is being looked up, included. */
const MAX_EVER = 256;

/**
 * Bounds the connections of a listener. With `trustOf`, users of the node who take all they can get do not keep root
 * out, and so neither containerd nor kubelet: once most places are taken, a newcomer stays only if it is trusted.
 */
export function limitConnections(server: Server, trustOf?: (socket: Socket) => Promise<PeerTrust>): void {
  if (trustOf === undefined) {
    server.maxConnections = MAX_CONNECTIONS;
    return;
  }
  server.maxConnections = MAX_EVER;
  const anybodys = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    anybodys.add(socket);
    socket.once("close", () => anybodys.delete(socket));
    if (anybodys.size <= MAX_ANYBODYS) return;
    void trustOf(socket).then(({ isTrusted }) => {
      if (isTrusted) anybodys.delete(socket);
      else socket.destroy();
    });
  });
}
