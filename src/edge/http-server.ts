import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { HostError, type Log } from "../agent/ports.ts";
import { formatHostPort, type HostPort, parseHostPort } from "../core/agent-config/listen-address.ts";
import { isAllowedHost } from "./allowed-hosts.ts";
import { findRoute, type Route, type RouteResponse, text } from "./http-routes.ts";
import { limitConnections } from "./limit-connections.ts";
import { limitPipelining } from "./limit-pipelining.ts";
import type { PeerTrust } from "./peer-trust.ts";

export interface HttpOptions {
  /** host:port; port 0 lets the kernel choose. */
  readonly address: string;
  /** Where routes of the listener `metrics` are served instead; undefined: on `address` too. */
  readonly metricsAddress: string | undefined;
  /** Names in the Host header that are answered besides the listen address and loopback. */
  readonly allowedHosts: readonly string[];
  readonly routes: readonly Route[];
  /** Whose connections are kept when there are too many. Without it: nobody's. */
  readonly trustOf?: (socket: Socket) => Promise<PeerTrust>;
  readonly log: Log;
}

export interface HttpListeners {
  /** host:port that is really bound. */
  readonly address: string;
  /** Same as `address` when there is only one listener. */
  readonly metricsAddress: string;
  /** Stops listening and ends what is open. */
  close(): Promise<void>;
}

/**
 * Starts the agent's HTTP listeners. Small limits everywhere: a slow, huge or hostile client costs one of 64
 * connections for at most 10 seconds. Rejects with a HostError (`address-in-use`, `address-unavailable`, …) when
 * an address cannot be bound; then nothing stays open.
 */
export async function listenHttp(options: HttpOptions): Promise<HttpListeners> {
  const { address, metricsAddress, routes } = options;
  if (metricsAddress === undefined) {
    const only = await listen(address, "http.address", routes, options);
    return { address: only.address, metricsAddress: only.address, close: only.close };
  }
  const of = (listener: Route["listener"]) => routes.filter((route) => route.listener === listener);
  const agent = await listen(address, "http.address", of("agent"), options);
  try {
    const metrics = await listen(metricsAddress, "http.metrics_address", of("metrics"), options);
    const close = async () => void (await Promise.all([agent.close(), metrics.close()]));
    return { address: agent.address, metricsAddress: metrics.address, close };
  } catch (error) {
    await agent.close();
    throw error;
  }
}

const limits = {
  headersTimeout: 5000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 1000,
  keepAliveTimeout: 5000,
  maxHeaderSize: 8192,
};
/** Nothing read or written for so long ends a connection: a client that does not take its answer. */
const idleMs = 10_000;

async function listen(address: string, setting: string, routes: readonly Route[], options: HttpOptions) {
  const wanted = parseHostPort(address);
  if (wanted === undefined) throw cannotListen("bad-address", address, setting, "it is not host:port");
  const allowed = [wanted.host, ...options.allowedHosts];
  const server = createServer(
    limits,
    limitPipelining((request, response) => void serve(request, response, routes, allowed, options.log)),
  );
  limitConnections(server, options.trustOf);
  server.setTimeout(idleMs, (socket: Socket) => socket.destroy());
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => rejectClient(error, socket as Socket));
  await bind(server, wanted, setting);
  server.on("error", (error) => options.log.warn({ address, error: error.message }, "HTTP listener failed"));
  const { port } = server.address() as AddressInfo;
  return { address: formatHostPort({ host: wanted.host, port }), close: () => closeServer(server) };
}

function bind(server: Server, wanted: HostPort, setting: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => {
      const address = formatHostPort(wanted);
      if (error.code === "EADDRINUSE") {
        reject(cannotListen("address-in-use", address, setting, "another program listens there", error));
      } else reject(cannotListen("address-unavailable", address, setting, error.message, error));
    };
    server.once("error", fail);
    server.listen(wanted.port, wanted.host, () => {
      server.off("error", fail);
      resolve();
    });
  });
}

function cannotListen(
  code: string,
  address: string,
  setting: string,
  why: string,
  cause?: unknown,
): HostError {
  const find = code === "address-in-use" ? ` (ss -ltnp shows which)` : "";
  const message = `cannot listen on ${address}: ${why}${find}; set ${setting} to another address`;
  return new HostError(code, address, message, { retryable: false, cause });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** Never rejects: whatever a handler does, the client gets an answer and the agent goes on. */
async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  routes: readonly Route[],
  allowed: readonly string[],
  log: Log,
): Promise<void> {
  response.on("error", () => {});
  const [path = "/", search] = splitUrl(request.url ?? "/");
  try {
    // Only HTTP/1.0 may go without Host, and no browser speaks that; Node itself refuses it on 1.1.
    const answer = isAllowedHost(request.headers.host, request.socket.localAddress, allowed)
      ? await route(request, routes, path, search)
      : text(403, "the Host header names somebody else; add the name to http.allowed_hosts to be answered");
    send(request, response, answer);
  } catch (error) {
    log.error({ path, error: String(error) }, "HTTP handler failed");
    if (response.headersSent) response.destroy();
    else send(request, response, text(500, "internal error, see the agent's log"));
  }
}

function route(
  request: IncomingMessage,
  routes: readonly Route[],
  path: string,
  search: string | undefined,
): RouteResponse | Promise<RouteResponse> {
  const found = findRoute(routes, path);
  if (found === undefined) return text(404, "not found");
  const methods = found.route.methods ?? ["GET", "HEAD"];
  if (!methods.includes(request.method ?? "")) {
    return { ...text(405, "method not allowed"), headers: { allow: methods.join(", ") } };
  }
  return found.route.handle({ rest: found.rest, query: new URLSearchParams(search), incoming: request });
}

function send(request: IncomingMessage, response: ServerResponse, answer: RouteResponse): void {
  const body = typeof answer.body === "string" ? Buffer.from(answer.body) : answer.body;
  // A body that nobody read would be taken for the next request.
  if (!request.complete) response.setHeader("connection", "close");
  response.writeHead(answer.status, {
    "content-type": answer.contentType,
    "content-length": body.length,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...answer.headers,
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

function splitUrl(url: string): readonly [string, string | undefined] {
  const mark = url.indexOf("?");
  return mark === -1 ? [url, undefined] : [url.slice(0, mark), url.slice(mark + 1)];
}

const statusOfError: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
};

function rejectClient(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = statusOfError[error.code ?? ""] ?? "400 Bad Request";
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
  socket.destroySoon();
}
