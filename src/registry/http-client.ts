import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { explainTls } from "./explain-failure.ts";
import { openConnection, proxyAuthorization, type Timeouts, type TlsSettings } from "./open-connection.ts";
import { bareHost, createProxySelector, type Environment } from "./proxy.ts";
import { RegistryError } from "./registry-error.ts";
import { createSystemRoots } from "./system-roots.ts";

export interface HttpClientOptions {
  /** Where HTTP_PROXY and friends and SSL_CERT_FILE are taken from: containerd's environment, not ours. */
  readonly environment: Environment;
  readonly timeouts: Timeouts;
  /** Put before the system's certificate files; "" for the running system. */
  readonly root?: string;
}

export interface Ask {
  readonly method: "GET" | "HEAD";
  readonly url: URL;
  readonly tls: TlsSettings;
  /** Value of the Authorization header; never follows a redirect to another origin. */
  readonly authorization?: string;
  readonly signal: AbortSignal;
}

export interface Answer {
  /** Where it came from, after redirects. */
  readonly url: URL;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Values of every `WWW-Authenticate` header. */
  readonly challenges: readonly string[];
  /** At most 64 KiB; what is longer is cut. */
  readonly body: string;
}

/** Sends requests to registries the way Go's http client does: its proxies, its trust, its redirects. */
export interface HttpClient {
  /** Rejects with RegistryError when there is no answer; any status is an answer. */
  ask(ask: Ask): Promise<Answer>;
}

const MAX_REDIRECTS = 10;
const MAX_BODY_BYTES = 64 * 1024;

export function createHttpClient({ environment, timeouts, root }: HttpClientOptions): HttpClient {
  const proxyFor = createProxySelector(environment);
  const systemRoots = createSystemRoots(environment, root);

  const askOnce = async (ask: Ask): Promise<Answer> => {
    const proxy = proxyFor(ask.url);
    const route = { url: ask.url, proxy, tls: ask.tls, systemRoots };
    const socket = await openConnection(route, timeouts, ask.signal);
    try {
      const viaProxy = ask.url.protocol === "http:" ? proxy : undefined;
      return await exchange(socket, ask, viaProxy, timeouts.responseMs);
    } finally {
      socket.destroy();
    }
  };

  return {
    async ask(first) {
      let next = first;
      for (let redirects = 0; ; redirects++) {
        const answer = await askOnce(next);
        const target = redirectTarget(answer);
        if (target === undefined) return answer;
        if (redirects === MAX_REDIRECTS) {
          throw new RegistryError("http", `${first.url.host} redirects in a circle (${MAX_REDIRECTS} times)`);
        }
        refuseLinkLocal(target, first.url);
        const { authorization, ...rest } = next;
        const same = target.origin === next.url.origin && authorization !== undefined;
        next = { ...rest, url: target, ...(same ? { authorization } : {}) };
      }
    },
  };
}

/**
 * A mirror must not be able to send us to the metadata service of a cloud. Unless it is there itself.
 */
export function refuseLinkLocal(target: URL, from: URL): void {
  const isLinkLocal = (url: URL): boolean => /^(169\.254\.|fe80:)/i.test(bareHost(url));
  if (!isLinkLocal(target) || isLinkLocal(from)) return;
  throw new RegistryError(
    "http",
    `${from.host} sends us to ${target.host}, a link-local address; not followed`,
  );
}

function redirectTarget({ status, headers, url }: Answer): URL | undefined {
  if (![301, 302, 303, 307, 308].includes(status) || headers.location === undefined) return undefined;
  if (!URL.canParse(headers.location, url.href)) return undefined;
  const target = new URL(headers.location, url.href);
  return target.protocol === "http:" || target.protocol === "https:" ? target : undefined;
}

function exchange(socket: Socket, ask: Ask, proxy: URL | undefined, responseMs: number): Promise<Answer> {
  const { url, method, signal } = ask;
  const path = `${url.pathname}${url.search}`;
  const request = httpRequest({
    method,
    createConnection: () => socket,
    path: proxy === undefined ? path : `${url.origin}${path}`,
    headers: {
      Host: url.host,
      "User-Agent": "mirrorlet",
      Accept: "*/*",
      Connection: "close",
      ...(ask.authorization === undefined ? {} : { Authorization: ask.authorization }),
      ...(proxy === undefined ? {} : proxyAuthorization(proxy)),
    },
  });
  const timer = setTimeout(() => request.destroy(new Error(NO_ANSWER)), responseMs);
  const abort = (): void => void request.destroy(new Error(NO_ANSWER));
  signal.addEventListener("abort", abort, { once: true });
  return new Promise<Answer>((resolve, reject) => {
    request.once("error", (error) => reject(explainExchange(error, url)));
    request.once("response", (response) => {
      readAnswer(response, url).then(resolve, (error: unknown) => reject(explainExchange(error, url)));
    });
    request.end();
  }).finally(() => {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
    request.destroy();
  });
}

const NO_ANSWER = "no answer in time";

async function readAnswer(response: IncomingMessage, url: URL): Promise<Answer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= MAX_BODY_BYTES) break;
  }
  return {
    url,
    status: response.statusCode ?? 0,
    headers: response.headers,
    challenges: response.headersDistinct["www-authenticate"] ?? [],
    body: Buffer.concat(chunks).subarray(0, MAX_BODY_BYTES).toString("utf8"),
  };
}

function explainExchange(error: unknown, url: URL): RegistryError {
  const { code = "", message = String(error) } = (error ?? {}) as { code?: string; message?: string };
  // TLS 1.3 lets the server refuse a client certificate only after the handshake.
  if (code.startsWith("ERR_SSL_")) return explainTls(error, url);
  if (code.startsWith("HPE_")) {
    const hint = url.protocol === "http:" ? "; it may want https on this port" : "";
    return new RegistryError("http", `${url.host} does not answer in http${hint} (${message})`, error);
  }
  if (message === NO_ANSWER) {
    return new RegistryError("http", `${url.host} takes the request and does not answer in time`, error);
  }
  return new RegistryError("http", `${url.host} ends the connection without an answer (${message})`, error);
}
