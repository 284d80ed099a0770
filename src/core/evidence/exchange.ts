import type { FailureCode } from "./registry-failure.ts";

/** Phases of one connection and the request on it, in their order. */
export type HopPhase = "dns" | "connect" | "tls" | "http";

/** One HTTP request on one connection: what a redirect leads to is another hop. Holds no secret and no query. */
export interface Hop {
  readonly method: string;
  /** Without the query: behind a redirect it is often a signature. */
  readonly url: string;
  /** The proxy it went through; dns and connect are then the proxy's. */
  readonly proxy?: string;
  readonly address?: string;
  /** Undefined: no answer came. */
  readonly status?: number;
  /** Of the phases that were passed, and of the one that failed. Absent for an address that needs no lookup. */
  readonly durationsMs: Readonly<Partial<Record<HopPhase, number>>>;
  /** End of validity of the first certificate of the chain to expire, whether it was accepted or not. */
  readonly tlsNotAfterMs?: number;
  /** Beginning of validity of that certificate. */
  readonly tlsNotBeforeMs?: number;
  /** How far the server's clock is ahead of this machine's, by its Date header: to the second, and off by the way. */
  readonly clockAheadMs?: number;
}

/** A request with all that it led to: redirects, tokens, further tries. */
export interface Exchange {
  /** In order, tokens excluded. */
  readonly hops: readonly Hop[];
  readonly tokens: readonly Hop[];
  /** How often the host was asked. */
  readonly tries: number;
}

/** Where the last hop went, when a redirect led away from `url`: host:port. */
export function redirectedTo({ hops }: Exchange, url: string): string | undefined {
  const last = hops.at(-1);
  if (last === undefined) return undefined;
  const [from, to] = [authorityOf(url), authorityOf(last.url)];
  return from === to ? undefined : to;
}

/** Default ports are left out, whatever the scheme: https that falls back to http is no redirect. */
function authorityOf(url: string): string {
  const authority = /^https?:\/\/([^/?#]+)/.exec(url)?.[1] ?? "";
  return authority.replace(/:(?:80|443)$/, "");
}

/** What to consider where a proxy had a hand in it: it answers for plain http, and leads to everything else. */
export function proxyHint({ hops }: Exchange, failure?: FailureCode): string | undefined {
  const last = hops.at(-1);
  const hadAHand = last?.status === undefined || last.url.startsWith("http:");
  // These have the words already.
  const isSaid = failure === "proxy-refuses" || failure === "socks-proxy";
  if (last?.proxy === undefined || !hadAHand || isSaid) return undefined;
  return `containerd goes through the proxy ${last.proxy}: if it should not, add the host to NO_PROXY of its unit and restart containerd`;
}
