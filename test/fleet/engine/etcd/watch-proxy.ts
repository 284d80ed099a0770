import { connect, createServer, type Server, type Socket } from "node:net";
import { loadEtcdProtocol } from "../../../../src/fleet/engine/etcd/load-protocol.ts";
import type { WatchReply } from "../../../../src/fleet/engine/etcd/messages.ts";

/** A TCP proxy before an etcd that breaks connections where it hurts. */
export interface WatchProxy {
  readonly endpoint: string;
  /** Breaks all connections and refuses new ones until `open`. */
  cut(): void;
  open(): void;
  /** Lets a watch's `created` through and breaks the connection before the changes that follow; so often. */
  cutBeforeCatchUp(times: number): void;
  /** How often it has done that. */
  cuts(): number;
  close(): Promise<void>;
}

export async function startWatchProxy(target: string): Promise<WatchProxy> {
  const method = (await loadEtcdProtocol()).get("etcdserverpb.Watch/Watch");
  if (method === undefined) throw new Error("no watch in proto/etcd.proto");
  // Nothing but a watch has them; what is no watch's reply may not decode as one.
  const hasEvents = (message: Buffer): boolean => {
    try {
      return (method.responseDeserialize(message) as WatchReply).events.length > 0;
    } catch {
      return false;
    }
  };
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let [isOpen, wanted, done] = [true, 0, 0];
  const server: Server = createServer((client) => {
    if (!isOpen) {
      client.destroy();
      return;
    }
    const upstream = connect(Number(port), hostname);
    const both = [client, upstream];
    const end = (): void => {
      for (const socket of both) {
        sockets.delete(socket);
        socket.destroy();
      }
    };
    for (const socket of both) {
      sockets.add(socket);
      socket.on("error", end);
      socket.on("close", end);
    }
    client.pipe(upstream);
    const frames = readFrames((frame, isData) => {
      if (wanted > 0 && isData && messagesIn(frame).some(hasEvents)) {
        wanted--;
        done++;
        end();
        return false;
      }
      client.write(frame);
      return true;
    });
    upstream.on("data", frames);
  });
  const listen = () => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  await listen();
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    cut() {
      isOpen = false;
      cut();
    },
    open() {
      isOpen = true;
    },
    cutBeforeCatchUp(times) {
      wanted = times;
    },
    cuts: () => done,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        cut();
      }),
  };
}

/** HTTP/2 frames (RFC 9113, section 4.1) of one direction, each whole; false ends it. */
function readFrames(onFrame: (frame: Buffer, isData: boolean) => boolean): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 9) {
      const length = 9 + rest.readUIntBE(0, 3);
      if (rest.length < length) return;
      const frame = rest.subarray(0, length);
      rest = rest.subarray(length);
      if (!onFrame(frame, frame.readUInt8(3) === 0)) return;
    }
  };
}

/** gRPC messages in a DATA frame: a byte, four of length, the message. Those of this test are never split. */
function messagesIn(frame: Buffer): readonly Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 9; at + 5 <= frame.length; ) {
    const length = frame.readUInt32BE(at + 1);
    messages.push(frame.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  return messages;
}
