// A process of its own: nodes that connect and note when they hear of something. Ordered about over IPC.
import { randomBytes } from "node:crypto";
import { connect as connectTls, createSecureContext } from "node:tls";
import { backoffMs } from "../../../../src/edge/feed/follow-feed.ts";
import type { Assignment__Output } from "../../../../src/shared/feed/generated/mirrorlet/feed/v1/Assignment.ts";
import type { Phase } from "../../../../src/shared/feed/generated/mirrorlet/feed/v1/Phase.ts";
import { loadFeedService } from "../../../../src/shared/feed/load-feed-service.ts";
import { createQuickAuthority } from "./issue-certificates.ts";
import { openRawStream, type RawStream } from "./raw-stream.ts";

export type NodesOrder =
  /** `n0`, `n1`, … `answering`: as agents for whom all goes well. */
  | {
      readonly kind: "connect";
      readonly way: "feed" | "bare";
      readonly port: number;
      readonly count: number;
      readonly answering?: boolean;
    }
  /** Comes back with what was heard since the last time. */
  | { readonly kind: "collect" };

export interface NodesAnswer {
  /** Wall times, ms. */
  readonly heard: readonly number[];
  readonly connected: number;
  /** Connections that were begun, ever. */
  readonly tries: number;
}

const AT_ONCE = 32;
const BEAT_MS = 25_000;

const authority = createQuickAuthority();
const { Sync } = await loadFeedService();
const heartbeat = Sync.requestSerialize({ heartbeat: {} });
let heard: number[] = [];
let connected = 0;
let tries = 0;
process.send?.({ ca: authority.ca, cert: authority.server(), key: authority.key });
process.on("disconnect", () => process.exit(1));
process.on("message", (order: NodesOrder) => void obey(order));

/** As wall time, so that processes can be compared. */
const now = (): number => performance.timeOrigin + performance.now();

async function obey(order: NodesOrder): Promise<void> {
  if (order.kind === "connect") {
    const { way, port, count, answering = false } = order;
    for (let index = 0; index < count; index += AT_ONCE) {
      const some = Array.from({ length: Math.min(AT_ONCE, count - index) }, (_, at) => index + at);
      await Promise.all(
        some.map((one) => (way === "feed" ? followFeed(one, port, answering) : followBare(one, port))),
      );
    }
  }
  process.send?.({ heard, connected, tries } satisfies NodesAnswer);
  heard = [];
}

/** Several addresses, as one has not ports enough to come back quickly. */
function tlsFor(index: number, port: number) {
  const { ca, key } = authority;
  const [host, localAddress] = ["127.0.0.1", `127.0.0.${2 + (index % 8)}`];
  // Made once: in a storm it would cost more than the handshake.
  const secureContext = createSecureContext({
    ca,
    key,
    cert: authority.node(`n${index}`),
    minVersion: "TLSv1.3",
  });
  return { host, port, localAddress, secureContext };
}

/** Comes back by itself, as an agent does. Resolves when it is welcome for the first time. */
function followFeed(index: number, port: number, answering: boolean): Promise<void> {
  const tls = tlsFor(index, port);
  const instance = randomBytes(16);
  let [failures, seq] = [0, 1];
  let running: Buffer | undefined;
  const state = () => ({
    ...(running && { runningDigest: running, runningSerial: 1 }),
    source: running ? ("SOURCE_FEED" as const) : ("SOURCE_UNSPECIFIED" as const),
  });
  return new Promise((resolve) => {
    const open = (): void => {
      let isOpen = false;
      seq = 1;
      tries++;
      const hello = { protocol: 1, nodeId: `n${index}`, instance, agentVersion: "1", containerdVersion: "2" };
      const stream = openRawStream({
        ...tls,
        method: Sync.path,
        hello: Sync.requestSerialize({ seq, hello: { ...hello, state: state() } }),
        onMessage(message) {
          // The tag of the one field of ServerMessage: welcome is 1, assignment 2.
          if (message[0] === 0x0a && !isOpen) {
            isOpen = true;
            connected++;
            resolve();
          } else if (message[0] === 0x12) {
            heard.push(now());
            const { assignment } = answering ? Sync.responseDeserialize(message) : {};
            if (assignment) answer(stream, assignment);
          }
        },
        onEnd() {
          clearInterval(timer);
          if (isOpen) connected--;
          failures = isOpen ? 1 : failures + 1;
          setTimeout(open, backoffMs(failures, Math.random()));
        },
      });
      const timer = setInterval(() => stream.send(heartbeat), BEAT_MS);
    };
    const answer = (
      stream: RawStream,
      { assignmentId, mode, digest, soakMs, spreadMs }: Assignment__Output,
    ) => {
      const report = (phase: Phase): void => {
        const items = [{ namespace: "gcr.io", phase, evidence: "canary" }];
        const said = { assignmentId, offeredDigest: digest, phase, state: state(), items };
        stream.send(Sync.requestSerialize({ seq: ++seq, report: said }));
      };
      if (mode === "MODE_PREFLIGHT") return report("PHASE_PREFLIGHT_OK");
      if (mode !== "MODE_APPLY" && mode !== "MODE_REVERT") return;
      setTimeout(() => {
        running = Buffer.from(digest);
        report("PHASE_APPLIED");
        setTimeout(() => report("PHASE_SOAKED"), soakMs);
      }, Math.random() * spreadMs);
    };
    open();
  });
}

function followBare(index: number, port: number): Promise<void> {
  return new Promise((resolve) => {
    let left = 0;
    tries++;
    const socket = connectTls(tlsFor(index, port));
    socket.on("error", (error) => process.stderr.write(`n${index}: ${error.message}\n`));
    socket.on("data", (chunk: Buffer) => {
      let bytes = chunk;
      if (left === 0) {
        left = bytes.readUInt32BE(0);
        bytes = bytes.subarray(4);
        if (left === 0) {
          connected++;
          resolve();
        }
      }
      left -= bytes.length;
      if (left === 0 && bytes.length > 0) heard.push(now());
    });
  });
}
