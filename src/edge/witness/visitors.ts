import type { Socket } from "node:net";
import type { Peer, PeerOwners } from "./peer-owners.ts";

/** A connection, from its acceptance to its end. */
export interface Visitor {
  readonly socket: Socket;
  readonly peer: Peer;
  /** Whether it belongs to somebody whose requests count; undefined: that could not be told. */
  readonly trusted: Promise<boolean | undefined>;
}

/** The connections that are open. */
export interface Visitors {
  /** Takes a connection in; the oldest has to go when there are too many. Undefined: it is closed already. */
  admit(socket: Socket): Visitor | undefined;
  /** The visitor whose connection this is, also behind TLS; undefined when it is gone. */
  find(socket: Pick<Socket, "remoteAddress" | "remotePort">): Visitor | undefined;
}

const MAX_OPEN = 128;
/** containerd is done within milliseconds; whoever takes longer gets nothing more. */
const MAX_LIFE_MS = 5000;

/** `onEvict` gets those that have to go before their time. */
export function createVisitors(
  owners: PeerOwners,
  trusted: readonly number[],
  onEvict: (visitor: Visitor) => void,
): Visitors {
  const open = new Map<string, Visitor>();
  const leave = (visitor: Visitor): void => {
    const key = keyOf(visitor.peer);
    if (open.get(key) !== visitor) return;
    open.delete(key);
    owners.forget(visitor.peer);
  };
  const judge = async (peer: Peer): Promise<boolean | undefined> => {
    const uid = await owners.ownerOf(peer);
    return uid === undefined ? undefined : trusted.includes(uid);
  };
  const evictOldest = (): void => {
    const [oldest] = open.values();
    if (oldest === undefined) return;
    leave(oldest);
    onEvict(oldest);
  };
  return {
    admit(socket) {
      const peer = peerOf(socket);
      if (peer === undefined) return undefined;
      const visitor = { socket, peer, trusted: judge(peer) };
      open.set(keyOf(peer), visitor);
      const timer = setTimeout(() => socket.destroy(), MAX_LIFE_MS);
      socket.on("error", () => {});
      socket.once("close", () => {
        clearTimeout(timer);
        leave(visitor);
      });
      if (open.size > MAX_OPEN) evictOldest();
      return visitor;
    },
    find(socket) {
      const peer = peerOf(socket);
      return peer === undefined ? undefined : open.get(keyOf(peer));
    },
  };
}

function peerOf({
  remoteAddress,
  remotePort,
}: Pick<Socket, "remoteAddress" | "remotePort">): Peer | undefined {
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  return { address: remoteAddress, port: remotePort };
}

function keyOf({ address, port }: Peer): string {
  return `${address}:${port}`;
}
