import type { Socket } from "node:net";

/** Both ends of a connection as we see them. */
interface Peer {
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
}

/** Tells whose connections these are. */
export interface PeerOwners {
  /** The user that owns the peer's end; undefined when that cannot be told, because it is closed already. */
  ownerOf(peer: Peer): Promise<number | undefined>;
  /** The connection is gone: the answer is undefined, unless it has been given. */
  forget(peer: Peer): void;
}

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
      if (peer.remotePort === undefined) return undefined;
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
    find: (socket) => open.get(keyOf(socket)),
  };
}

/** A socket that is closed has forgotten its ends. */
function peerOf({ localAddress, localPort, remoteAddress, remotePort }: Socket): Peer {
  return { localAddress, localPort, remoteAddress, remotePort };
}

function keyOf({ remoteAddress, remotePort }: Pick<Socket, "remoteAddress" | "remotePort">): string {
  return `${remoteAddress}:${remotePort}`;
}
