import { request as httpRequest } from "node:http";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls, createSecureContext, type TLSSocket } from "node:tls";
import type { TlsMaterial } from "../core/containerd/pull/tls-material.ts";
import type { HopLog } from "./exchange-log.ts";
import { explainConnect, explainTls } from "./explain-failure.ts";
import { bareHost } from "./proxy.ts";
import { RegistryError } from "./registry-error.ts";
import { describeChain, earliestEndMs, refusalOfGo } from "./verify-server.ts";

export interface Route {
  readonly url: URL;
  readonly proxy: URL | undefined;
  readonly tls: TlsMaterial;
  readonly systemRoots: () => readonly string[];
}

/** Limits per phase, ms. */
export interface Timeouts {
  readonly dialMs: number;
  readonly handshakeMs: number;
  readonly responseMs: number;
}

/** Opens the connection a request to `url` goes over, through a proxy's tunnel where needed. */
export async function openConnection(
  route: Route,
  timeouts: Timeouts,
  signal: AbortSignal,
  hop: HopLog,
): Promise<Socket> {
  const { url, proxy } = route;
  if (proxy?.protocol.startsWith("socks") === true)
    throw new RegistryError({ phase: "connect", code: "socks-proxy", host: url.host, detail: proxy.host });
  let socket = await dial(proxy ?? url, timeouts, signal, hop);
  if (proxy?.protocol === "https:") {
    const toProxy = {
      url: proxy,
      proxy: undefined,
      tls: { skipVerify: false },
      systemRoots: route.systemRoots,
    };
    socket = await handshake(socket, toProxy, timeouts, signal, undefined);
  }
  if (url.protocol !== "https:") return socket;
  if (proxy !== undefined) socket = await tunnel(socket, url, proxy, timeouts, signal);
  return handshake(socket, route, timeouts, signal, hop);
}

async function dial(to: URL, { dialMs }: Timeouts, signal: AbortSignal, hop: HopLog): Promise<Socket> {
  const host = bareHost(to);
  const port = Number(to.port || (to.protocol === "https:" ? 443 : 80));
  const startedMs = performance.now();
  // Longer than Node's 250 ms, which gives up on addresses that are merely far away.
  const socket = connectTcp({ host, port, autoSelectFamilyAttemptTimeout: 2_000 });
  let resolved = isIP(host) !== 0;
  let resolvedMs = startedMs;
  socket.once("lookup", (error, address) => {
    resolved = error === null;
    resolvedMs = performance.now();
    hop.durationsMs.dns = resolvedMs - startedMs;
    if (resolved) hop.address = address;
  });
  if (resolved) hop.address = host;
  try {
    await settle(socket, "connect", dialMs, signal, (error) => explainConnect(error, to, resolved));
    if (socket.remoteAddress !== undefined) hop.address = socket.remoteAddress;
    return socket;
  } finally {
    const phase = resolved ? "connect" : "dns";
    hop.durationsMs[phase] = performance.now() - (resolved ? resolvedMs : startedMs);
  }
}

async function handshake(
  socket: Socket,
  route: Route,
  { handshakeMs }: Timeouts,
  signal: AbortSignal,
  hop: HopLog | undefined,
): Promise<Socket> {
  const startedMs = performance.now();
  const secure = connectTls({ socket, ...tlsOptions(route, bareHost(route.url)) });
  try {
    await settle(secure, "secureConnect", handshakeMs, signal, (error) => explainTls(error, route.url));
    refuseServer(secure, route, hop);
    return secure;
  } catch (error) {
    secure.destroy();
    throw error;
  } finally {
    if (hop !== undefined) hop.durationsMs.tls = performance.now() - startedMs;
  }
}

/** Nothing was sent yet: the handshake ends before the certificate is judged so that a bad one can be described. */
function refuseServer(secure: TLSSocket, { url, tls }: Route, hop: HopLog | undefined): void {
  const certificate = secure.getPeerCertificate(true);
  const endMs = earliestEndMs(certificate);
  if (hop !== undefined && endMs !== undefined) hop.tlsNotAfterMs = endMs;
  if (tls.skipVerify) return;
  if (!secure.authorized) {
    const code = String(secure.authorizationError);
    throw explainTls({ code, message: code }, url, describeChain(code, certificate));
  }
  const refusal = refusalOfGo(bareHost(url), certificate);
  if (refusal !== undefined) throw new RegistryError({ phase: "tls", host: url.host, ...refusal });
}

function tlsOptions({ url, tls, systemRoots }: Route, host: string): ConnectionOptions {
  try {
    return {
      secureContext: createSecureContext({
        minVersion: "TLSv1.2",
        ...(tls.skipVerify ? {} : { ca: [...systemRoots(), ...(tls.ca === undefined ? [] : [tls.ca])] }),
        ...clientOptions(tls),
        // As in Go, whatever is in the pool is trusted, an intermediate or a server's own certificate too.
        allowPartialTrustChain: true,
      }),
      ...(isIP(host) === 0 ? { servername: host } : {}),
      // http/2 is not spoken here; Go would, and registries answer both alike.
      ALPNProtocols: ["http/1.1"],
      // Judged by refuseServer.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new RegistryError({ phase: "tls", code: "tls-file", host: url.host, detail }, error);
  }
}

function clientOptions({ clients = [] }: TlsMaterial): { cert?: string[]; key?: string[] } {
  if (clients.length === 0) return {};
  return { cert: clients.map(({ certificate }) => certificate), key: clients.map(({ key }) => key) };
}

function tunnel(
  socket: Socket,
  url: URL,
  proxy: URL,
  { responseMs }: Timeouts,
  signal: AbortSignal,
): Promise<Socket> {
  const target = `${url.hostname}:${url.port || 443}`;
  const request = httpRequest({
    method: "CONNECT",
    path: target,
    createConnection: () => socket,
    headers: { Host: target, ...proxyAuthorization(proxy) },
  });
  const timer = setTimeout(() => request.destroy(new Error("no answer in time")), responseMs);
  const abort = (): void => void request.destroy(new Error("aborted"));
  signal.addEventListener("abort", abort, { once: true });
  return new Promise<Socket>((resolve, reject) => {
    const fail = (words: string): void => {
      const detail = `${proxy.host} (${words})`;
      reject(new RegistryError({ phase: "connect", code: "proxy-refuses", host: url.host, detail }));
    };
    request.once("connect", (response, tunnelled: Socket) => {
      if (response.statusCode === 200) return resolve(tunnelled);
      tunnelled.destroy();
      fail(`it answers ${response.statusCode} ${response.statusMessage}`);
    });
    request.once("response", (response) => fail(`it answers ${response.statusCode}`));
    request.once("error", (error) => fail(error.message));
    request.end();
  }).finally(() => {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  });
}

/** `Proxy-Authorization` from the proxy's own URL. */
export function proxyAuthorization(proxy: URL): Readonly<Record<string, string>> {
  if (proxy.username === "") return {};
  const pair = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return { "Proxy-Authorization": `Basic ${Buffer.from(pair).toString("base64")}` };
}

class TimedOut extends Error {
  readonly code = "ETIMEDOUT";
}

function settle<T extends Socket>(
  socket: T,
  event: "connect" | "secureConnect",
  timeoutMs: number,
  signal: AbortSignal,
  explain: (error: unknown) => RegistryError,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail(new TimedOut(`nothing within ${timeoutMs / 1000} s`)), timeoutMs);
    const onAbort = (): void => fail(new TimedOut("no answer before the time for it was over"));
    const onClose = (): void => fail(new Error("the connection was closed"));
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      socket.off("close", onClose);
    };
    const fail = (error: unknown): void => {
      done();
      socket.destroy();
      reject(explain(error));
    };
    // Stays: an error after this phase must find a listener; the next phase sees the close.
    socket.on("error", fail);
    socket.once("close", onClose);
    socket.once(event, () => {
      done();
      resolve(socket);
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
