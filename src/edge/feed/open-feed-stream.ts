import { Client, type ClientDuplexStream, credentials as grpcCredentials, status } from "@grpc/grpc-js";
import type { FeedListener } from "../../agent/feed/feed-messages.ts";
import { SIGNING_LIMITS } from "../../core/signing/signing-limits.ts";
import type { AgentMessage } from "../../shared/feed/generated/mirrorlet/feed/v1/AgentMessage.ts";
import type { FeedDefinition } from "../../shared/feed/generated/mirrorlet/feed/v1/Feed.ts";
import type { ServerMessage__Output } from "../../shared/feed/generated/mirrorlet/feed/v1/ServerMessage.ts";
import { createTlsCredentials } from "../../shared/tls-credentials.ts";
import { type Fitting, fitMessage } from "./fit-message.ts";
import type { FeedCredentials } from "./read-feed-credentials.ts";
import { PROTOCOL, readServerMessage, type ServerNews } from "./read-server-message.ts";
import { writeHello, writeReport } from "./write-agent-message.ts";

/** How a stream ended. */
export interface StreamEnd {
  readonly message: string;
  /** The server has said Welcome on it. */
  readonly wasOpen: boolean;
  /** The server asks to come back not before `afterMs`, and a random part of `spreadMs` later. */
  readonly away?: { readonly afterMs: number; readonly spreadMs: number };
}

export interface StreamOptions {
  /** host:port or unix:/path */
  readonly address: string;
  readonly credentials: FeedCredentials;
  readonly service: FeedDefinition;
  readonly listener: FeedListener;
  readonly nowMs: () => number;
  readonly onWelcome: (server: { readonly id: string; readonly version: string }) => void;
  readonly onEngineAge: (ageMs: number) => void;
  /** What of a message was left out, as it would have been too large. */
  readonly onShortened: (lost: readonly string[]) => void;
  readonly signal: AbortSignal;
}

/** From the first packet to Welcome. A server that takes nobody in says so; one that is stuck says nothing. */
const WELCOME_MS = 20_000;
/** So many heartbeats may be missing: a server may be stuck behind a connection that is alive. */
const MISSED_BEATS = 3;

/** The limits of the contract on both sides; the envelope is the biggest part of the biggest message. */
const MOST_RECEIVED = SIGNING_LIMITS.feedBytes + 16 * 1024;
const MOST_SENT = 256 * 1024;

const CHANNEL_OPTIONS = {
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.keepalive_permit_without_calls": 1,
  "grpc.max_receive_message_length": MOST_RECEIVED,
  "grpc.max_send_message_length": MOST_SENT,
  "grpc.enable_retries": 0,
  "grpc.enable_channelz": 0,
  // A proxy that somebody's environment names is not meant for this, and would see who speaks to whom.
  "grpc.enable_http_proxy": 0,
  "grpc.use_local_subchannel_pool": 1,
  // Of the servers behind one name each agent takes another.
  "grpc.service_config": '{"loadBalancingConfig":[{"pick_first":{"shuffleAddressList":true}}]}',
} as const;

/** One stream, from its connection to its end. Resolves when it is over, and never rejects. */
export async function runFeedStream(options: StreamOptions): Promise<StreamEnd> {
  const { address, credentials, service, listener, signal } = options;
  const { ca, pair } = credentials;
  const client = new Client(
    address,
    pair === undefined
      ? grpcCredentials.createInsecure()
      : createTlsCredentials(ca ?? null, pair.key, pair.cert),
    CHANNEL_OPTIONS,
  );
  try {
    const hello = fit(options, await listener.hello(), (said) => ({ hello: writeHello(said) }));
    if (signal.aborted) return { message: "stopping", wasOpen: false };
    const { Sync: method } = service;
    const call = client.makeBidiStreamRequest<AgentMessage, ServerMessage__Output>(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
    );
    return await follow(call, hello, options);
  } catch (error) {
    return { message: (error as Error).message, wasOpen: false };
  } finally {
    client.close();
  }
}

/** As the server takes it, which ends a stream on which more comes. */
function fit<Said extends Fitting>(
  { service, onShortened }: Pick<StreamOptions, "service" | "onShortened">,
  said: Said,
  toMessage: (said: Said) => AgentMessage,
): AgentMessage {
  const { requestSerialize } = service.Sync;
  const sizeOf = (one: Said): number =>
    requestSerialize({ ...toMessage(one), seq: Number.MAX_SAFE_INTEGER }).length;
  const fitted = fitMessage(said, sizeOf, MOST_SENT);
  if (fitted.lost.length > 0) onShortened(fitted.lost);
  return toMessage(fitted.said);
}

type Welcome = Extract<ServerNews, { kind: "welcome" }>;

type Call = ClientDuplexStream<AgentMessage, ServerMessage__Output>;

function follow(call: Call, hello: AgentMessage, options: StreamOptions): Promise<StreamEnd> {
  const { listener, nowMs, signal } = options;
  return new Promise((resolve) => {
    let seq = 0;
    let isOpen = false;
    let isOver = false;
    let away: StreamEnd["away"];
    let silence: NodeJS.Timeout | undefined;
    let beat: NodeJS.Timeout | undefined;

    const write = (message: Omit<AgentMessage, "seq">): number => {
      seq += 1;
      if (!isOver) call.write({ ...message, seq });
      return seq;
    };
    const end = (message: string): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(silence);
      clearInterval(beat);
      signal.removeEventListener("abort", stop);
      call.cancel();
      if (isOpen) listener.closed();
      resolve({ message, wasOpen: isOpen, ...(away && { away }) });
    };
    const stop = (): void => end("stopping");
    const listen = (ms: number, what: string): void => {
      clearTimeout(silence);
      silence = setTimeout(() => end(what), ms);
    };

    let beatMs = WELCOME_MS;
    const open = ({ serverId, serverVersion, heartbeatMs }: Welcome): void => {
      isOpen = true;
      beatMs = heartbeatMs;
      listen(MISSED_BEATS * beatMs, "the server is silent");
      beat = setInterval(() => write({ heartbeat: { timeMs: nowMs(), engineAgeMs: 0 } }), beatMs);
      options.onWelcome({ id: serverId, version: serverVersion });
      listener.opened({
        send: (report) => write(fit(options, report, (said) => ({ report: writeReport(said) }))),
        renew: end,
      });
    };
    const read = (message: ServerMessage__Output): void => {
      if (isOver) return;
      const news = readServerMessage(message);
      if (isOpen) listen(MISSED_BEATS * beatMs, "the server is silent");
      if (news.kind === "welcome") {
        if (!news.isUnderstood) end(`the server wants another protocol than ${PROTOCOL}`);
        else if (!isOpen) open(news);
      } else if (news.kind === "go-away") {
        away = { afterMs: news.afterMs, spreadMs: news.spreadMs };
        end(news.reason === "" ? "the server goes away" : `the server goes away: ${news.reason}`);
      }
      // Nothing else counts before the server has said which protocol holds.
      else if (!isOpen || news.kind === "unknown") return;
      else if (news.kind === "heartbeat") options.onEngineAge(news.engineAgeMs);
      else listener.received(news);
    };
    call.on("data", read);
    call.on("error", (error: Error & { readonly code?: number; readonly details?: string }) =>
      end(`${status[error.code ?? 2] ?? "UNKNOWN"}: ${plain(error.details ?? error.message)}`),
    );
    call.on("end", () => end("the server has ended the stream"));
    signal.addEventListener("abort", stop, { once: true });
    listen(WELCOME_MS, "no answer from the server");
    write(hello);
  });
}

/** The far end chooses these words. */
function plain(text: string): string {
  return text.slice(0, 300).replace(/[\p{Cc}\p{Cf}\p{Surrogate}]/gu, " ");
}
