import type { Server, Socket } from "node:net";
import type { PeerTrust } from "./peer-trust.ts";

const MAX_CONNECTIONS = 64;
/** Where it is known who is trusted; the rest is theirs. */
const MAX_ANYBODYS = 48;
/** Newcomers whose owner is being looked up, which may take a second or two while many come. */
const MAX_NEWCOMERS = 128;
/** Trusted ones included. */
const MAX_EVER = 256;

/**
 * Bounds the connections of a listener. With `trustOf`, users of the node who take all they can get do not keep root
 * out, and so neither containerd nor kubelet: once most places are taken, a newcomer stays only if it is trusted, and the
 * one that has waited longest for that answer makes room for the next: no crowd keeps anybody from coming in.
 */
export function limitConnections(server: Server, trustOf?: (socket: Socket) => Promise<PeerTrust>): void {
  if (trustOf === undefined) {
    server.maxConnections = MAX_CONNECTIONS;
    return;
  }
  server.maxConnections = MAX_EVER;
  const anybodys = new Set<Socket>();
  const newcomers = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    const isCrowded = anybodys.size >= MAX_ANYBODYS;
    const held = isCrowded ? newcomers : anybodys;
    held.add(socket);
    socket.once("close", () => held.delete(socket));
    if (!isCrowded) return;
    const [longest] = newcomers;
    if (newcomers.size > MAX_NEWCOMERS) longest?.destroy();
    void trustOf(socket).then(({ isTrusted }) => {
      if (isTrusted) newcomers.delete(socket);
      else socket.destroy();
    });
  });
}
