import { connect as connectTcp, isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls, type SecureContext, type TLSSocket } from "node:tls";
import { bareHost } from "../core/choose-proxy.ts";
import type { TlsMaterial } from "../core/containerd/pull/tls-material.ts";
import type { HopLog } from "./exchange-log.ts";
import { explainConnect, explainTls } from "./explain-failure.ts";
import { guardedLookup, type Resolve, refuseNear } from "./guard-lookup.ts";
import { openTunnel } from "./open-tunnel.ts";
import { RegistryError } from "./registry-error.ts";
import { settle } from "./settle-socket.ts";
import { describeChain, firstToExpire, refusalOfGo } from "./verify-server.ts";

export interface Route {
  readonly url: URL;
  /** Who sent us there; undefined: it was configured. */
  readonly from?: URL | undefined;
  /** Instead of the system's. */
  readonly resolve?: Resolve | undefined;
  readonly proxy: URL | undefined;
  readonly tls: TlsMaterial;
  readonly secureContext: (tls: TlsMaterial) => SecureContext;
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
  // Through a proxy it is the proxy that looks names up, and connects.
  let socket = await dial(proxy ?? url, proxy === undefined ? route : {}, timeouts, signal, hop);
  if (proxy?.protocol === "https:") {
    const toProxy = {
      url: proxy,
      proxy: undefined,
      tls: { skipVerify: false },
      secureContext: route.secureContext,
    };
    socket = await handshake(socket, toProxy, timeouts, signal, undefined);
  }
  if (url.protocol !== "https:") return socket;
  if (proxy !== undefined) socket = await openTunnel(socket, url, proxy, timeouts, signal);
  return handshake(socket, route, timeouts, signal, hop);
}

async function dial(
  to: URL,
  { from, resolve }: Pick<Route, "from" | "resolve">,
  { dialMs }: Timeouts,
  signal: AbortSignal,
  hop: HopLog,
): Promise<Socket> {
  const host = bareHost(to);
  const port = Number(to.port || (to.protocol === "https:" ? 443 : 80));
  const startedMs = performance.now();
  if (from !== undefined && isIP(host) !== 0) await refuseNear([host], to, from, resolve);
  const guard = from === undefined ? {} : { lookup: guardedLookup(to, from, resolve) };
  // Longer than Node's 250 ms, which gives up on addresses that are merely far away.
  const socket = connectTcp({ host, port, autoSelectFamilyAttemptTimeout: 2_000, ...guard });
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
  let secure: TLSSocket | undefined;
  try {
    secure = connectTls({ socket, ...tlsOptions(route, bareHost(route.url)) });
    await settle(secure, "secureConnect", handshakeMs, signal, (error) => explainTls(error, route.url));
    refuseServer(secure, route, hop);
    return secure;
  } catch (error) {
    // A certificate or key that cannot be used ends it before there is a TLS socket.
    (secure ?? socket).destroy();
    throw error;
  } finally {
    if (hop !== undefined) hop.durationsMs.tls = performance.now() - startedMs;
  }
}

/** Nothing was sent yet: the handshake ends before the certificate is judged so that a bad one can be described. */
function refuseServer(secure: TLSSocket, { url, tls }: Route, hop: HopLog | undefined): void {
  const certificate = secure.getPeerCertificate(true);
  const first = firstToExpire(certificate);
  if (hop !== undefined && first !== undefined) {
    hop.tlsNotAfterMs = first.endMs;
    if (Number.isFinite(first.startMs)) hop.tlsNotBeforeMs = first.startMs;
  }
  if (tls.skipVerify) return;
  if (!secure.authorized) {
    const code = String(secure.authorizationError);
    throw explainTls({ code, message: code }, url, describeChain(code, certificate));
  }
  const refusal = refusalOfGo(bareHost(url), certificate);
  if (refusal !== undefined) throw new RegistryError({ phase: "tls", host: url.host, ...refusal });
}

function tlsOptions({ url, tls, secureContext }: Route, host: string): ConnectionOptions {
  try {
    return {
      secureContext: secureContext(tls),
      ...(isIP(host) === 0 ? { servername: host } : {}),
      // As containerd's transport, which has a dialer of its own and therefore speaks no http/2.
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
