import { setMaxListeners } from "node:events";
import {
  type ClientRequest,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from "node:http";
import { explainExchange, NO_ANSWER } from "../../registry/exchange.ts";
import { proxyAuthorization } from "../../registry/open-tunnel.ts";
import type { ConnectionPool } from "./connection-pool.ts";
import { pieces, readReply, takeReply } from "./receive-reply.ts";
import { type OutgoingBody, sendBody } from "./send-body.ts";

export interface Outgoing {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: OutgoingBody;
  /** From the end of the body to the answer; default a minute. */
  readonly answerMs?: number;
  /** Of the answer's body; default 64 KiB. */
  readonly maxBytes?: number;
  /** Let the server look at the headers first (`Expect: 100-continue`), which it may not answer. */
  readonly asksFirst?: boolean;
  /** A redirect to somewhere else is the answer, and is not followed. */
  readonly staysPut?: boolean;
  /** Takes the body of a 200 or 206 as it comes, in place of the reply. What it throws ends the request, and is thrown. */
  readonly take?: (body: AsyncIterable<Uint8Array>, reply: Omit<Reply, "body">) => Promise<void>;
}

export interface Reply {
  readonly url: URL;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Values of every `WWW-Authenticate` header. */
  readonly challenges: readonly string[];
  /** At most as much as was asked for. */
  readonly body: Buffer;
}

export type SendRequest = (outgoing: Outgoing) => Promise<Reply>;

const ANSWER_MS = 60_000;
/** Of an answer whose body tells nothing that is needed. */
const REST_MS = 10_000;
/** A connection that the server closed while it was idle shows it before more of a body has gone out. */
const STALE_BYTES = 128 * 1024;

/**
 * Sends requests over kept connections. Each phase has a timer of its own, none is for the whole. Rejects with
 * RegistryError when there is no answer; any status is one, also if it comes before the body has gone out whole.
 */
export function createSendRequest(pool: ConnectionPool, signal: AbortSignal): SendRequest {
  // Each request under way listens: with many at once that is no leak, of which Node would warn whoever runs it.
  setMaxListeners(0, signal);
  return async (outgoing) => {
    for (let attempt = 1; ; attempt++) {
      const request = createRequest(pool, outgoing);
      const sent = { bytes: 0 };
      try {
        return await exchangeOnce(request, outgoing, signal, sent);
      } catch (error) {
        const isStale = request.reusedSocket && (error as { code?: unknown }).code === "closed";
        if (attempt > 3 || signal.aborted || !isStale || sent.bytes > STALE_BYTES) throw error;
        // Nothing of it was answered, and the connection was an old one: that says nothing about the server.
      }
    }
  };
}

function createRequest(
  pool: ConnectionPool,
  { method, url, headers = {}, body, asksFirst }: Outgoing,
): ClientRequest {
  const proxy = pool.plainProxyFor(url);
  const path = `${url.pathname}${url.search}`;
  const needsLength = body !== undefined || method === "POST" || method === "PUT" || method === "PATCH";
  return httpRequest({
    method,
    agent: pool.agentFor(url),
    host: url.hostname,
    port: url.port,
    path: proxy === undefined ? path : `${url.origin}${path}`,
    headers: {
      Host: url.host,
      "User-Agent": "mirrorlet",
      ...(needsLength ? { "Content-Length": String(body?.length ?? 0) } : {}),
      ...(asksFirst === true ? { Expect: "100-continue" } : {}),
      ...headers,
      ...(proxy === undefined ? {} : proxyAuthorization(proxy)),
    },
  });
}

function exchangeOnce(
  request: ClientRequest,
  outgoing: Outgoing,
  signal: AbortSignal,
  sent: { bytes: number },
): Promise<Reply> {
  const { url, body, answerMs = ANSWER_MS, asksFirst = false } = outgoing;
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  const end = (): void => void request.destroy(new Error(NO_ANSWER));
  const within = (ms: number | undefined): void => {
    clearTimeout(timer);
    // The body may notice only after the answer, or the end of the connection, has been dealt with.
    if (!isOver && ms !== undefined) timer = setTimeout(end, ms);
  };
  const abort = (): void => void request.destroy(new Error("stopped"));
  signal.addEventListener("abort", abort, { once: true });
  return new Promise<Reply>((resolve, reject) => {
    let response: IncomingMessage | undefined;
    // Stays: errors after the answer has begun concern its reader alone.
    request.on("error", (error) => {
      if (response === undefined) reject(explainExchange(error, url));
    });
    request.once("response", (answer) => {
      response = answer;
      if (outgoing.take !== undefined && [200, 206].includes(answer.statusCode ?? 0)) {
        // What was taken cannot be taken back: nobody may send the request once more as if nothing had been.
        sent.bytes = Number.POSITIVE_INFINITY;
        const body = pieces(answer, url, within);
        takeReply(answer, outgoing.take, body, url).then(resolve, (error) => {
          reject(error);
          request.destroy();
        });
        return;
      }
      within(outgoing.method === "GET" ? ANSWER_MS : REST_MS);
      readReply(answer, outgoing).then(resolve, (error) => reject(explainExchange(error, url)));
    });
    const hasAnswer = (): boolean => response !== undefined;
    if (signal.aborted) abort();
    sendBody(request, body, { asksFirst, within, hasAnswer, sent }).then(
      () => {
        if (!hasAnswer()) within(answerMs);
      },
      (error) => {
        reject(error);
        request.destroy();
      },
    );
  }).finally(() => {
    isOver = true;
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
    // Answered early: what is left of the body must not be taken for the next request.
    if (!request.writableFinished) request.destroy();
  });
}
