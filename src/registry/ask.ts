import type { IncomingHttpHeaders } from "node:http";
import type { Header } from "../core/containerd/pull/request-headers.ts";
import type { TlsMaterial } from "../core/containerd/pull/tls-material.ts";
import type { Timeouts } from "./open-connection.ts";

export type { Header } from "../core/containerd/pull/request-headers.ts";

export interface Ask {
  readonly method: "GET" | "HEAD" | "POST";
  readonly url: URL;
  readonly tls: TlsMaterial;
  /** Besides Host and User-Agent, which have defaults. They follow redirects as Go lets them. */
  readonly headers?: readonly Header[];
  /** Credentials follow a redirect to another port of the same host too; otherwise to the same port or below it. */
  readonly loginCrossesPorts?: boolean;
  /**
   * Value of the Authorization header for a hop, asked before each of them; it wins over `headers`. Undefined:
   * what the hop before had, where it may go on to this host.
   */
  readonly authorize?: (url: URL) => Promise<string | undefined>;
  /** Body of a POST, urlencoded. It goes wherever a redirect leads, as in Go. */
  readonly form?: string;
  /** No redirect is followed: it is the answer. For a form that holds a secret. */
  readonly staysPut?: true;
  /** Who sent us to this URL; undefined: it was configured. Then it is not to be near, unless who sent us is. */
  readonly from?: URL;
  /** Of the body; default 64 KiB. */
  readonly maxBytes?: number;
  /** Instead of the client's own. */
  readonly timeouts?: Timeouts;
  /** The entry is http with TLS keys: https is tried first, and what shows that it is http is kept here. */
  readonly fallback?: HttpFallback;
  readonly signal: AbortSignal;
}

/** Which host turned out to speak plain http. */
export interface HttpFallback {
  plainHost?: string;
}

export interface Answer {
  /** Where it came from, after redirects. */
  readonly url: URL;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Values of every `WWW-Authenticate` header. */
  readonly challenges: readonly string[];
  /** At most as much as was asked for. */
  readonly body: Buffer;
  /** whole · limit: there is more than was asked for · cut: the connection ended, or stalled, before the body did. */
  readonly bodyEnd: "whole" | "limit" | "cut";
}
