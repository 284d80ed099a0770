import type { EngineNotice } from "../engine.ts";

export interface EtcdOptions {
  /** `http://10.0.0.1:2379`, `https://etcd-1:2379`: members of one cluster, one scheme. The next is taken when one does not answer. */
  readonly endpoints: readonly string[];
  /** PEM. Asked again for each connection, so that renewed certificates come into use. */
  readonly tls?: () => EtcdTls;
  /** Only over https. */
  readonly login?: { readonly user: string; readonly password: string };
  /** Milliseconds that only grow, whatever becomes of the wall clock. */
  readonly nowMs: () => number;
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly onNotice?: (notice: EngineNotice) => void;
}

export interface EtcdTls {
  readonly ca?: Uint8Array;
  readonly cert?: Uint8Array;
  readonly key?: Uint8Array;
}

/** Throws TypeError for what cannot work. */
export function checkEtcdOptions({ endpoints, tls, login }: EtcdOptions): void {
  if (endpoints.length === 0) throw new TypeError("etcd needs an endpoint, as http://127.0.0.1:2379");
  const schemes = new Set(endpoints.map(schemeOf));
  if (schemes.size > 1) throw new TypeError("etcd endpoints must be all http or all https");
  const isPlain = schemes.has("http:");
  if (isPlain && tls !== undefined)
    throw new TypeError("etcd certificates are given, but the endpoints are http");
  if (isPlain && login !== undefined) throw new TypeError("an etcd password goes over https only");
}

/** `10.0.0.1:2379`, as gRPC wants it. */
export function addressOf(endpoint: string): string {
  const { host } = new URL(endpoint);
  return host;
}

function schemeOf(endpoint: string): string {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  const isPlain =
    url !== undefined && /^https?:$/.test(url.protocol) && url.port !== "" && url.pathname === "/";
  if (!isPlain || url.username !== "" || url.search !== "" || url.hash !== "")
    throw new TypeError(
      `an etcd endpoint is http://HOST:PORT or https://HOST:PORT, not ${JSON.stringify(endpoint)}`,
    );
  return url.protocol;
}
