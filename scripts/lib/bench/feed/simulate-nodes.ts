// A process of its own: nodes that connect and note when they hear of something. Ordered about over IPC.
import { randomBytes } from "node:crypto";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect as connectTls } from "node:tls";
import { loadFeedService } from "../../../../src/shared/feed/load-feed-service.ts";
import { createQuickAuthority } from "./issue-certificates.ts";

export interface NodesOrder {
  readonly kind: "connect" | "collect";
  readonly way?: "feed" | "bare";
  readonly port?: number;
  readonly from?: number;
  readonly count?: number;
}

const authority = createQuickAuthority();
const { Sync } = await loadFeedService();
let heard: number[] = [];
let connected = 0;
process.send?.({ ca: authority.ca, cert: authority.server(), key: authority.key });
process.on("message", (order: NodesOrder) => void obey(order));

/** As wall time, so that processes can be compared. */
const now = (): number => performance.timeOrigin + performance.now();

async function obey({ kind, way, port = 0, from = 0, count = 0 }: NodesOrder): Promise<void> {
  if (kind === "collect") {
    process.send?.({ heard });
    heard = [];
    return;
  }
  connected = 0;
  const start = way === "feed" ? connectFeed : connectBare;
  const AT_ONCE = 64;
  for (let index = from; index < from + count; index += AT_ONCE) {
    const ids = Array.from({ length: Math.min(AT_ONCE, from + count - index) }, (_, at) => `n${index + at}`);
    await Promise.all(ids.map((id) => start(id, port)));
  }
  process.send?.({ connected });
}

function connectFeed(id: string, port: number): Promise<void> {
  const { ca, key } = authority;
  const session: ClientHttp2Session = connectHttp2(`https://127.0.0.1:${port}`, {
    ca,
    key,
    cert: authority.node(id),
    minVersion: "TLSv1.3",
  });
  const stream = session.request({
    ":method": "POST",
    ":path": "/mirrorlet.feed.v1.Feed/Sync",
    "content-type": "application/grpc",
    te: "trailers",
  });
  const hello = Sync.requestSerialize({
    seq: 1,
    hello: { protocol: 1, nodeId: id, instance: randomBytes(16), agentVersion: "1", containerdVersion: "2" },
  });
  const frame = Buffer.alloc(5 + hello.length);
  frame.writeUInt32BE(hello.length, 1);
  hello.copy(frame, 5);
  stream.write(frame);
  // Who is silent for a minute and a half is not held for connected.
  const heartbeat = Sync.requestSerialize({ heartbeat: {} });
  const beat = Buffer.concat([Buffer.of(0, 0, 0, 0, heartbeat.length), heartbeat]);
  const timer = setInterval(() => stream.write(beat), 25_000);
  stream.on("close", () => clearInterval(timer));
  session.on("error", (error) => process.stderr.write(`${id}: ${error.message}\n`));
  stream.on("error", () => undefined);
  return new Promise((resolve) => {
    let rest: Buffer = Buffer.alloc(0);
    stream.on("data", (chunk: Buffer) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
        const length = rest.readUInt32BE(1);
        // The tag of the one field of ServerMessage: welcome is 1, assignment 2.
        if (rest[5] === 0x0a) {
          connected++;
          resolve();
        } else if (rest[5] === 0x12) heard.push(now());
        rest = rest.subarray(5 + length);
      }
    });
  });
}

function connectBare(id: string, port: number): Promise<void> {
  const { ca, key } = authority;
  const options = {
    host: "127.0.0.1",
    port,
    ca,
    key,
    cert: authority.node(id),
    minVersion: "TLSv1.3",
  } as const;
  return new Promise((resolve) => {
    let left = 0;
    const socket = connectTls(options);
    socket.on("error", (error) => process.stderr.write(`${id}: ${error.message}\n`));
    socket.on("data", (chunk: Buffer) => {
      let bytes = chunk;
      if (left === 0) {
        left = bytes.readUInt32BE(0) + 4;
        if (left === 4) {
          connected++;
          resolve();
        }
      }
      left -= bytes.length;
      bytes = bytes.subarray(bytes.length);
      if (left === 0 && chunk.length > 4) heard.push(now());
    });
  });
}
