import { Agent } from "node:http";
import type { Duplex } from "node:stream";
import type { SecureContext } from "node:tls";
import { createProxySelector, type Environment } from "../../core/choose-proxy.ts";
import type { TlsMaterial } from "../../core/containerd/pull/tls-material.ts";
import { createExchangeLog } from "../../registry/exchange-log.ts";
import type { Resolve } from "../../registry/guard-lookup.ts";
import { openConnection } from "../../registry/open-connection.ts";
import { createSecureContexts } from "../../registry/secure-contexts.ts";
import { createSystemRoots } from "../../registry/system-roots.ts";

export interface PoolOptions {
  /** The registry's own; it alone is shown the TLS material. */
  readonly registry: URL;
  readonly tls: TlsMaterial;
  /** Where HTTPS_PROXY and friends and SSL_CERT_FILE are taken from. */
  readonly environment: Environment;
  /** Put before the system's certificate files; "" for the running system. */
  readonly root: string;
  readonly resolve?: Resolve;
  readonly signal: AbortSignal;
}

/** Connections that are kept and used again, made as every connection to a registry is made. */
export interface ConnectionPool {
  agentFor(url: URL): Agent;
  /** The plain proxy that takes requests for this URL whole; undefined: none. */
  plainProxyFor(url: URL): URL | undefined;
  close(): void;
}

const DIAL_MS = 10_000;
const HANDSHAKE_MS = 10_000;
const TUNNEL_MS = 20_000;
/** Shorter than what servers and load balancers wait before they close an idle connection. */
const IDLE_MS = 15_000;

export function createConnectionPool(options: PoolOptions): ConnectionPool {
  const { registry, tls, environment, root, resolve, signal } = options;
  const proxyFor = createProxySelector(environment);
  const secureContext = createSecureContexts(createSystemRoots(environment, root));
  const agents = new Map<string, Agent>();
  const open = (url: URL, context: (tls: TlsMaterial) => SecureContext) => {
    const isOwn = url.host === registry.host;
    const proxy = proxyFor(url);
    const route = {
      url,
      from: isOwn ? undefined : registry,
      resolve,
      proxy,
      // A client certificate, and leave to skip checks, were given for the registry alone.
      tls: isOwn ? tls : { skipVerify: false, ...(tls.ca === undefined ? {} : { ca: tls.ca }) },
      secureContext: context,
    };
    const limits = { dialMs: DIAL_MS, handshakeMs: HANDSHAKE_MS, responseMs: TUNNEL_MS };
    return openConnection(route, limits, signal, createExchangeLog().begin("CONNECT", url, proxy));
  };
  return {
    agentFor(url) {
      const known = agents.get(url.origin);
      if (known !== undefined) return known;
      const agent = new Agent({ keepAlive: true, timeout: IDLE_MS, scheduling: "lifo" });
      agent.createConnection = ((_: unknown, done: (error: Error | null, socket?: Duplex) => void) => {
        open(url, secureContext).then(
          (socket) => {
            socket.setNoDelay(true);
            done(null, socket);
          },
          (error: Error) => done(error),
        );
        return undefined;
      }) as unknown as Agent["createConnection"];
      agents.set(url.origin, agent);
      return agent;
    },
    plainProxyFor: (url) => (url.protocol === "http:" ? proxyFor(url) : undefined),
    close() {
      for (const agent of agents.values()) agent.destroy();
    },
  };
}
