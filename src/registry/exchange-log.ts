import type { Exchange, Hop, HopPhase } from "../core/evidence/exchange.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A hop while it is made. */
export interface HopLog extends Mutable<Omit<Hop, "durationsMs">> {
  readonly durationsMs: Partial<Record<HopPhase, number>>;
}

/** Collects what happens on the wire, so that it is known too when the request fails in the end. */
export interface ExchangeLog {
  begin(method: string, url: URL, proxy: URL | undefined): HopLog;
  /** What is begun from here on is about tokens, until the function returned is called. */
  beginToken(): () => void;
  /** A further try begins. */
  nextTry(): void;
  exchange(): Exchange;
}

export function createExchangeLog(): ExchangeLog {
  const hops: HopLog[] = [];
  const tokens: HopLog[] = [];
  let current = hops;
  let tries = 1;
  return {
    begin(method, url, proxy) {
      const hop: HopLog = { method, url: withoutQuery(url), durationsMs: {} };
      if (proxy !== undefined) hop.proxy = proxy.host;
      current.push(hop);
      return hop;
    },
    beginToken() {
      current = tokens;
      return () => {
        current = hops;
      };
    },
    nextTry() {
      tries++;
    },
    exchange: () => ({ hops, tokens, tries }),
  };
}

function withoutQuery({ origin, pathname }: URL): string {
  return origin + pathname;
}
