import { setTimeout } from "node:timers/promises";
import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import type { AgentMessage__Output } from "../../src/shared/feed/generated/mirrorlet/feed/v1/AgentMessage.ts";
import type { FeedDefinition } from "../../src/shared/feed/generated/mirrorlet/feed/v1/Feed.ts";
import type { Hello__Output } from "../../src/shared/feed/generated/mirrorlet/feed/v1/Hello.ts";
import type { Report__Output } from "../../src/shared/feed/generated/mirrorlet/feed/v1/Report.ts";
import type { ServerMessage } from "../../src/shared/feed/generated/mirrorlet/feed/v1/ServerMessage.ts";
import { loadFeedService } from "../../src/shared/feed/load-feed-service.ts";
import type { LabCertificate } from "./tls.ts";
import { WAIT_LIMIT_MS } from "./wait-limit.ts";

/** A feed that says what a test has it say, over real gRPC and TLS by the real contract. */
export interface ScriptedFeed {
  readonly port: number;
  /** Streams that have said Hello, the newest last. */
  readonly streams: readonly ScriptedStream[];
  /** Welcome, and an acknowledgement for each report, unless switched off. */
  answers: boolean;
  /** The next stream beyond those that were there when this is called. */
  nextStream(): Promise<ScriptedStream>;
  stop(): Promise<void>;
}

export interface ScriptedStream {
  readonly hello: Hello__Output;
  readonly reports: readonly Report__Output[];
  /** Of the client's certificate, as Node shows it. */
  readonly names: string | undefined;
  readonly isOver: boolean;
  send(message: ServerMessage): void;
  /** The first report for which this is so, of those that were and will be. */
  report(isIt: (report: Report__Output) => boolean): Promise<Report__Output>;
  end(): void;
}

export interface ScriptedFeedOptions {
  readonly server: LabCertificate;
  /** PEM of the CA of clients. */
  readonly clientCa: string;
  readonly port?: number;
  readonly heartbeatMs?: number;
  /** Of another version of the contract; default: ours. */
  readonly service?: FeedDefinition;
  /** What such a server adds to all that it says. */
  readonly dress?: (message: ServerMessage) => ServerMessage;
}

type Call = ServerDuplexStream<AgentMessage__Output, ServerMessage>;

export async function startScriptedFeed(options: ScriptedFeedOptions): Promise<ScriptedFeed> {
  const { server: pair, clientCa, port: wanted = 0, heartbeatMs = 30_000, dress = (said) => said } = options;
  const streams: ScriptedStream[] = [];
  const server = new Server();
  const feed = { answers: true };
  server.addService(options.service ?? (await loadFeedService()), {
    Sync: (call: Call) => serve(call, heartbeatMs, feed, streams, dress),
    Fetch: () => undefined,
  });
  const credentials = ServerCredentials.createSsl(
    Buffer.from(clientCa),
    [{ cert_chain: Buffer.from(pair.cert), private_key: Buffer.from(pair.key) }],
    true,
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${wanted}`, credentials, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return {
    port,
    streams,
    get answers() {
      return feed.answers;
    },
    set answers(answers) {
      feed.answers = answers;
    },
    nextStream() {
      const { length } = streams;
      return until(() => streams[length], "a stream");
    },
    async stop() {
      server.forceShutdown();
    },
  };
}

function serve(
  call: Call,
  heartbeatMs: number,
  feed: { readonly answers: boolean },
  streams: ScriptedStream[],
  dress: (message: ServerMessage) => ServerMessage,
) {
  const reports: Report__Output[] = [];
  let isOver = false;
  const send = (message: ServerMessage): void => {
    if (!isOver) call.write(dress(message));
  };
  call.on("data", ({ seq, hello, report }: AgentMessage__Output) => {
    if (hello) {
      streams.push({
        hello,
        reports,
        names: subjectNames(call),
        get isOver() {
          return isOver;
        },
        send,
        report: (isIt) => until(() => reports.find(isIt), "a report"),
        end: () => call.end(),
      });
      if (feed.answers)
        send({ welcome: { protocol: 1, serverId: "scripted-1", serverVersion: "0", heartbeatMs } });
    }
    if (!report) return;
    reports.push(report);
    if (feed.answers) send({ reportAck: { throughSeq: seq } });
  });
  const over = (): void => {
    isOver = true;
  };
  call.on("end", () => {
    over();
    call.end();
  });
  call.on("error", over);
  call.on("close", over);
  call.on("cancelled", over);
}

function subjectNames(call: Call): string | undefined {
  return call.getAuthContext().sslPeerCertificate?.subjectaltname;
}

async function until<T>(find: () => T | undefined, what: string): Promise<T> {
  const limit = performance.now() + WAIT_LIMIT_MS;
  for (;;) {
    const found = find();
    if (found !== undefined) return found;
    if (performance.now() > limit) throw new Error(`${what} did not come in ${WAIT_LIMIT_MS} ms`);
    await setTimeout(10);
  }
}
