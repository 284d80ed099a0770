import { request as httpRequest } from "node:http";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls, createSecureContext } from "node:tls";
import { explainConnect, explainTls } from "./explain-failure.ts";
import { bareHost } from "./proxy.ts";
import { RegistryError } from "./registry-error.ts";
import { complaintOfGo } from "./verify-server.ts";

/** How a registry's TLS is to be judged, in hosts.toml's terms. */
export interface TlsSettings {
  /** PEM certificates that are trusted besides the system's. */
  readonly ca?: string;
  readonly client?: { readonly certificate: string; readonly key: string };
  readonly skipVerify: boolean;
}

export interface Route {
  readonly url: URL;
  readonly proxy: URL | undefined;
  readonly tls: TlsSettings;
  readonly systemRoots: () => readonly string[];
}

/** Limits per phase, ms. */
export interface Timeouts {
  readonly dialMs: number;
  readonly handshakeMs: number;
  readonly responseMs: number;
}

/** Opens the connection a request to `url` goes over, through a proxy's tunnel where needed. */
export async function openConnection(route: Route, timeouts: Timeouts, signal: AbortSignal): Promise<Socket> {
  const { url, proxy } = route;
  if (proxy?.protocol.startsWith("socks") === true) {
    throw new RegistryError(
      "connect",
      `${url.host} is to be reached through ${proxy.host}, a SOCKS proxy, which cannot be asked from here`,
    );
  }
  let socket = await dial(proxy ?? url, timeouts, signal);
  if (proxy?.protocol === "https:") {
    const toProxy = {
      url: proxy,
      proxy: undefined,
      tls: { skipVerify: false },
      systemRoots: route.systemRoots,
    };
    socket = await handshake(socket, toProxy, timeouts, signal);
  }
  if (url.protocol !== "https:") return socket;
  if (proxy !== undefined) socket = await tunnel(socket, url, proxy, timeouts, signal);
  return handshake(socket, route, timeouts, signal);
}

function dial(to: URL, { dialMs }: Timeouts, signal: AbortSignal): Promise<Socket> {
  const host = bareHost(to);
  const port = Number(to.port || (to.protocol === "https:" ? 443 : 80));
  // Longer than Node's 250 ms, which gives up on addresses that are merely far away.
  const socket = connectTcp({ host, port, autoSelectFamilyAttemptTimeout: 2_000 });
  let resolved = isIP(host) !== 0;
  socket.once("lookup", (error) => {
    resolved = error === null;
  });
  return settle(socket, "connect", dialMs, signal, (error) => explainConnect(error, to, resolved));
}

function handshake(
  socket: Socket,
  route: Route,
  { handshakeMs }: Timeouts,
  signal: AbortSignal,
): Promise<Socket> {
  const host = bareHost(route.url);
  const secure = connectTls({ socket, ...tlsOptions(route, host) });
  return settle(secure, "secureConnect", handshakeMs, signal, (error) => explainTls(error, route.url));
}

function tlsOptions({ url, tls, systemRoots }: Route, host: string): ConnectionOptions {
  try {
    return {
      secureContext: createSecureContext({
        minVersion: "TLSv1.2",
        ...(tls.skipVerify ? {} : { ca: [...systemRoots(), ...(tls.ca === undefined ? [] : [tls.ca])] }),
        ...(tls.client === undefined ? {} : { cert: tls.client.certificate, key: tls.client.key }),
        // As in Go, whatever is in the pool is trusted, an intermediate or a server's own certificate too.
        allowPartialTrustChain: true,
      }),
      ...(isIP(host) === 0 ? { servername: host } : {}),
      // http/2 is not spoken here; Go would, and registries answer both alike.
      ALPNProtocols: ["http/1.1"],
      rejectUnauthorized: !tls.skipVerify,
      checkServerIdentity: (_name, certificate) => {
        const complaint = tls.skipVerify ? undefined : complaintOfGo(host, certificate);
        return complaint === undefined ? undefined : new RegistryError("tls", `${url.host}: ${complaint}`);
      },
    };
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new RegistryError(
      "tls",
      `the CA or client certificate for ${url.host} cannot be used: ${words}`,
      error,
    );
  }
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
    const fail = (words: string): void =>
      reject(new RegistryError("connect", `the proxy ${proxy.host} does not lead to ${url.host}: ${words}`));
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
