import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Answer, Ask, Header } from "./ask.ts";
import { decodeBody } from "./decode-body.ts";
import type { HopLog } from "./exchange-log.ts";
import { explainTls } from "./explain-failure.ts";
import { proxyAuthorization } from "./open-tunnel.ts";
import { RegistryError } from "./registry-error.ts";

const MAX_BODY_BYTES = 64 * 1024;
/** Go takes more than Node's 16 KiB. */
const MAX_HEADER_BYTES = 256 * 1024;

/** One request over an open connection, and its answer. `proxy`: the plain proxy that it is given to. */
export function exchange(
  socket: Socket,
  ask: Ask,
  proxy: URL | undefined,
  responseMs: number,
  hop: HopLog,
): Promise<Answer> {
  const { url, signal } = ask;
  const startedMs = performance.now();
  const request = createRequest(socket, ask, proxy);
  const end = (): void => void request.destroy(new Error(NO_ANSWER));
  const timer = setTimeout(end, responseMs);
  signal.addEventListener("abort", end, { once: true });
  return new Promise<Answer>((resolve, reject) => {
    // Stays: after the answer has begun, its reader sees what happens to it, and this rejects nothing any more.
    request.on("error", (error) => {
      if (hop.status === undefined) reject(explainExchange(error, url));
    });
    request.once("response", (response) => {
      hop.status = response.statusCode ?? 0;
      const aheadMs = clockAhead(response.headers, Date.now());
      if (aheadMs !== undefined) hop.clockAheadMs = aheadMs;
      hop.durationsMs.http = performance.now() - startedMs;
      readAnswer(response, ask).then(resolve, reject);
    });
    if (signal.aborted) end();
    request.end(ask.form);
  }).finally(() => {
    hop.durationsMs.http ??= performance.now() - startedMs;
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
    request.destroy();
  });
}

function createRequest(
  socket: Socket,
  { url, method, headers = [], form }: Ask,
  proxy: URL | undefined,
): ClientRequest {
  const path = `${url.pathname}${url.search}`;
  const own: Header[] = [
    ["Host", url.host],
    ["User-Agent", "mirrorlet"],
    ["Connection", "close"],
    ...(form === undefined
      ? []
      : ([["Content-Type", "application/x-www-form-urlencoded; charset=utf-8"]] as const)),
  ];
  try {
    return httpRequest({
      method,
      createConnection: () => socket,
      maxHeaderSize: MAX_HEADER_BYTES,
      path: proxy === undefined ? path : `${url.origin}${path}`,
      headers: { ...group(own, headers), ...(proxy === undefined ? {} : proxyAuthorization(proxy)) },
    });
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new RegistryError({ phase: "http", code: "bad-header", host: url.host, detail }, error);
  }
}

/** By lower-case name, every value a line of its own; defaults only where nothing is given. */
function group(defaults: readonly Header[], given: readonly Header[]): Record<string, string | string[]> {
  const values = new Map<string, string[]>();
  for (const [name, value] of given) {
    const key = name.toLowerCase();
    values.set(key, [...(values.get(key) ?? []), value]);
  }
  for (const [name, value] of defaults)
    if (!values.has(name.toLowerCase())) values.set(name.toLowerCase(), [value]);
  return Object.fromEntries(
    [...values].map(([name, list]) => [name, list.length === 1 ? (list[0] ?? "") : list]),
  );
}

/** Message of the error that ends a request whose time is over. */
export const NO_ANSWER = "no answer in time";

/** A cache sends the date of the answer that it has kept, and its age. */
function clockAhead({ date, age }: IncomingMessage["headers"], nowMs: number): number | undefined {
  const dateMs = Date.parse(date ?? "");
  const ageMs = /^\d{1,9}$/.test(age ?? "") ? Number(age) * 1000 : 0;
  return Number.isNaN(dateMs) ? undefined : dateMs + ageMs - nowMs;
}

async function readAnswer(
  response: IncomingMessage,
  { url, maxBytes = MAX_BODY_BYTES }: Ask,
): Promise<Answer> {
  const chunks: Buffer[] = [];
  let size = 0;
  let bodyEnd: Answer["bodyEnd"] = "whole";
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > maxBytes) {
        bodyEnd = "limit";
        break;
      }
    }
  } catch {
    bodyEnd = "cut";
  }
  const raw = Buffer.concat(chunks).subarray(0, maxBytes);
  return {
    url,
    status: response.statusCode ?? 0,
    headers: response.headers,
    challenges: response.headersDistinct["www-authenticate"] ?? [],
    ...(bodyEnd === "whole"
      ? decodeBody(raw, response.headers["content-encoding"], maxBytes)
      : { body: raw, bodyEnd }),
  };
}

/** Why a request over an open connection has no answer. */
export function explainExchange(error: unknown, url: URL): RegistryError {
  if (error instanceof RegistryError) return error;
  const { code = "", message = String(error) } = (error ?? {}) as { code?: string; message?: string };
  const { host } = url;
  // TLS 1.3 lets the server refuse a client certificate only after the handshake.
  if (code.startsWith("ERR_SSL_")) return explainTls(error, url);
  if (code.startsWith("HPE_")) {
    const hint = url.protocol === "http:" ? "; it may want https on this port" : "";
    return new RegistryError(
      { phase: "http", code: "not-http", host, detail: `${hint} (${message})` },
      error,
    );
  }
  if (message === NO_ANSWER) return new RegistryError({ phase: "http", code: "no-answer", host }, error);
  return new RegistryError({ phase: "http", code: "closed", host, detail: ` (${message})` }, error);
}
