import type { Socket } from "node:net";

/** Whether what a connection tells about containerd is believed. */
export interface PeerTrust {
  readonly isTrusted: boolean;
  /** Whose process holds the other end; undefined when it is not on loopback, or not known. */
  readonly uid: number | undefined;
}

export interface PeerTrustOptions {
  /** Looks the owner of the other end up; undefined for what is not on loopback, or not known. */
  readonly ownerOfPeer: (socket: Socket) => number | undefined | Promise<number | undefined>;
  /** The agent's own user, who is believed besides root. */
  readonly ownUid: number;
}

/**
 * Every user of the node can connect to loopback, so what comes in counts only from root, whose containerd is, or
 * from the agent's own user. Each connection is looked up once: both of its ends keep their owner.
 */
export function createPeerTrust({
  ownerOfPeer,
  ownUid,
}: PeerTrustOptions): (socket: Socket) => Promise<PeerTrust> {
  const known = new WeakMap<Socket, Promise<PeerTrust>>();
  const judge = async (socket: Socket): Promise<PeerTrust> => {
    if (!isLoopback(socket.remoteAddress)) return { isTrusted: false, uid: undefined };
    const uid = await ownerOfPeer(socket);
    return { isTrusted: uid === 0 || uid === ownUid, uid };
  };
  return (socket) => {
    const found = known.get(socket) ?? judge(socket);
    known.set(socket, found);
    return found;
  };
}

function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^(?:::1$|(?:::ffff:)?127\.)/i.test(address);
}
