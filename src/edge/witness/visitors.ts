import type { Socket } from "node:net";
import type { PeerOwners } from "./peer-owners.ts";

/** A connection, from its acceptance to its end. */
export interface Visitor {
  readonly socket: Socket;
  /** Whether it belongs to somebody whose requests count; undefined: that could not be told. */
  readonly trusted: Promise<boolean | undefined>;
}

/** The connections that are open, by the far end. */
export interface Visitors {
  /** Takes a connection in; the oldest has to go when there are too many. */
  admit(socket: Socket): Visitor;
  /** The visitor whose connection this is, also behind TLS; undefined when it is gone. */
  find(socket: Pick<Socket, "remoteAddress" | "remotePort">): Visitor | undefined;
}

const MAX_OPEN = 256;
/** containerd is done within milliseconds; whoever takes longer gets nothing more. */
const MAX_LIFE_MS = 5000;

export function createVisitors(owners: PeerOwners, trusted: readonly number[]): Visitors {
  const open = new Map<string, Visitor>();
  const judge = async (socket: Socket): Promise<boolean | undefined> => {
    const uid = await owners.ownerOf({ address: socket.remoteAddress ?? "", port: socket.remotePort ?? 0 });
    return uid === undefined ? undefined : trusted.includes(uid);
  };
  return {
    admit(socket) {
      const key = keyOf(socket);
      const visitor = { socket, trusted: judge(socket) };
      open.set(key, visitor);
      const timer = setTimeout(() => socket.destroy(), MAX_LIFE_MS);
      socket.on("error", () => {});
      socket.once("close", () => {
        clearTimeout(timer);
        if (open.get(key) === visitor) open.delete(key);
      });
      if (open.size > MAX_OPEN) evictOldest(open);
      return visitor;
    },
    find: (socket) => open.get(keyOf(socket)),
  };
}

function evictOldest(open: Map<string, Visitor>): void {
  for (const [key, { socket }] of open) {
    open.delete(key);
    socket.destroy();
    return;
  }
}

function keyOf({ remoteAddress, remotePort }: Pick<Socket, "remoteAddress" | "remotePort">): string {
  return `${remoteAddress} ${remotePort}`;
}
