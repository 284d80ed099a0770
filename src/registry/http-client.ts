import { setMaxListeners } from "node:events";
import { STATUS_CODES } from "node:http";
import { createProxySelector, type Environment } from "../core/choose-proxy.ts";
import type { Answer, Ask, Header } from "./ask.ts";
import { exchange } from "./exchange.ts";
import { createExchangeLog, type ExchangeLog } from "./exchange-log.ts";
import type { Resolve } from "./guard-lookup.ts";
import { openConnection, type Timeouts } from "./open-connection.ts";
import { headersAfterRedirect, redirectTarget } from "./redirect.ts";
import { RegistryError } from "./registry-error.ts";
import { createSecureContexts } from "./secure-contexts.ts";
import { createSystemRoots } from "./system-roots.ts";

export interface HttpClientOptions {
  /** Where HTTP_PROXY and friends and SSL_CERT_FILE are taken from: containerd's environment, not ours. */
  readonly environment: Environment;
  readonly timeouts: Timeouts;
  /** Put before the system's certificate files; "" for the running system. */
  readonly root?: string;
  /** Looks up where others send us; the system's way unless something else is given. */
  readonly resolve?: Resolve;
}

/** Sends requests to registries the way Go's http client does: its proxies, its trust, its redirects. */
export interface HttpClient {
  /** Rejects with RegistryError when there is no answer; any status is an answer. `log` gets every hop, also then. */
  ask(ask: Ask, log?: ExchangeLog): Promise<Answer>;
}

/** Go's: so many requests in all, the first one included. */
const MAX_HOPS = 10;

export function createHttpClient({ environment, timeouts, root, resolve }: HttpClientOptions): HttpClient {
  const proxyFor = createProxySelector(environment);
  const secureContext = createSecureContexts(createSystemRoots(environment, root));

  const askAt = async (ask: Ask, log: ExchangeLog): Promise<Answer> => {
    const limits = ask.timeouts ?? timeouts;
    const { url, tls, from } = ask;
    const proxy = proxyFor(url);
    const hop = log.begin(ask.method, url, proxy);
    const route = { url, from, resolve, proxy, tls, secureContext };
    const socket = await openConnection(route, limits, ask.signal, hop);
    try {
      return await exchange(
        socket,
        ask,
        url.protocol === "http:" ? proxy : undefined,
        limits.responseMs,
        hop,
      );
    } finally {
      socket.destroy();
    }
  };

  return {
    async ask(first, log = createExchangeLog()) {
      // Each request under way listens: with many at once that is no leak, of which Node would warn whoever runs it.
      setMaxListeners(0, first.signal);
      let next = await withAuthorization(first, first.headers ?? []);
      for (let hops = 1; ; hops++) {
        const answer = await askPlainIfNeeded(next, log, askAt);
        const target = first.staysPut ? undefined : redirectTarget(answer, first.url);
        if (target === undefined) return answer;
        if (hops === MAX_HOPS)
          throw new RegistryError({ phase: "http", code: "redirect-loop", host: first.url.host });
        next = await withAuthorization(
          redirected({ ...next, from: first.from ?? first.url }, answer.status, target),
          headersAfterRedirect(next, first, target),
        );
      }
    },
  };
}

async function withAuthorization(ask: Ask, headers: readonly Header[]): Promise<Ask> {
  const authorization = await ask.authorize?.(ask.url);
  if (authorization === undefined) return { ...ask, headers };
  const others = headers.filter(([name]) => name.toLowerCase() !== "authorization");
  return { ...ask, headers: [...others, ["Authorization", authorization]] };
}

/** A POST becomes a GET where HTTP's history wants it so. */
function redirected(ask: Ask, status: number, target: URL): Ask {
  const { form: _form, ...rest } = ask;
  if (ask.method === "POST" && status !== 307 && status !== 308)
    return { ...rest, method: "GET", url: target };
  return { ...ask, url: target };
}

/** https first, and http once the server has shown that it speaks that: containerd's HTTPFallback. */
async function askPlainIfNeeded(
  ask: Ask,
  log: ExchangeLog,
  askAt: (ask: Ask, log: ExchangeLog) => Promise<Answer>,
): Promise<Answer> {
  const { fallback, url } = ask;
  if (fallback === undefined || url.protocol !== "https:") return askAt(ask, log);
  if (fallback.plainHost !== url.host) {
    try {
      return await askAt(ask, log);
    } catch (error) {
      if (!(error instanceof RegistryError) || !showsPlainHttp(error, url)) throw error;
      fallback.plainHost = url.host;
    }
  }
  const plain = new URL(url);
  plain.protocol = "http:";
  return askAt({ ...ask, url: plain }, log);
}

function showsPlainHttp({ code, phase }: RegistryError, url: URL): boolean {
  if (code === "speaks-http" || code === "tls-timeout") return true;
  return phase === "connect" && url.port === "";
}

/** `404 Not Found`. */
export function statusText(status: number): string {
  const reason = STATUS_CODES[status];
  return reason === undefined ? String(status) : `${status} ${reason}`;
}
