import type { FeedListener } from "../../agent/feed/feed-messages.ts";
import type { FeedLinkState } from "../../agent/feed/feed-status.ts";
import type { Clock, Log } from "../../agent/ports.ts";
import { loadFeedService } from "../../shared/feed/load-feed-service.ts";
import { createRefusalExplainer } from "./explain-refusal.ts";
import { runFeedStream } from "./open-feed-stream.ts";
import type { CredentialsResult } from "./read-feed-credentials.ts";

export interface FeedLinkOptions {
  readonly address: string;
  readonly credentials: () => Promise<CredentialsResult>;
  readonly listener: FeedListener;
  readonly clock: Pick<Clock, "now" | "uptimeMs" | "sleep">;
  readonly log: Log;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly onChange: () => void;
}

export interface FeedLink {
  state(): FeedLinkState;
  stop(): Promise<void>;
}

const BASE_MS = 2_000;
const MOST_MS = 60_000;

/** Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ */
export function backoffMs(failures: number, random: number): number {
  const most = Math.min(MOST_MS, BASE_MS * 2 ** Math.min(failures, 10));
  return Math.max(100, Math.round(random * most));
}

/** As the server asks, but no sooner than without it: one that says "at once" again and again must not keep the node busy. */
export function awayMs(
  { afterMs, spreadMs }: { readonly afterMs: number; readonly spreadMs: number },
  failures: number,
  random: () => number,
): number {
  return Math.max(afterMs + Math.round(random() * spreadMs), backoffMs(failures, random()));
}

/** Keeps a stream to the feed, for as long as the agent runs. Certificates are read anew for each. */
export function followFeed(options: FeedLinkOptions): FeedLink {
  const { clock, log, listener } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  let state: FeedLinkState = {
    isConnected: false,
    sinceMs: clock.now(),
    message: "not connected yet",
    streams: 0,
  };
  let freshUptimeMs: number | undefined;
  const refusals = createRefusalExplainer(options.address, clock.now, clock.uptimeMs);
  let complained = "";
  let shortened = "";

  const change = (next: Partial<FeedLinkState>): void => {
    state = { ...state, ...next };
    options.onChange();
  };
  const lost = (message: string): void => {
    const { server: _gone, ...rest } = state;
    const sinceMs = state.isConnected ? clock.now() : state.sinceMs;
    state = rest;
    change({ isConnected: false, sinceMs, message });
    if (message === complained) log.debug({ feed: options.address }, message);
    else log.warn({ feed: options.address }, `no feed: ${message}; what is in force stays`);
    complained = message;
  };

  /** ms until the next try; 0 failures: the stream was open. */
  const attempt = async (
    failures: number,
  ): Promise<{ readonly failures: number; readonly waitMs: number }> => {
    const again = (message: string) => {
      lost(message);
      return { failures: failures + 1, waitMs: backoffMs(failures + 1, options.random()) };
    };
    const read = await options.credentials();
    if (!read.ok) return again(read.message);
    const { pair, stale } = read.credentials;
    const { stale: _before, ...rest } = state;
    state = rest;
    change({
      ...(stale === undefined ? {} : { stale }),
      ...(pair && { certificateNotAfterMs: pair.notAfterMs }),
    });
    if (stale !== undefined)
      log.warn({}, `the feed's certificate files: ${stale}; the ones from before are used`);
    const { wasOpen, message, away } = await runFeedStream({
      address: options.address,
      credentials: read.credentials,
      service: await loadFeedService(),
      listener,
      nowMs: clock.now,
      signal,
      onWelcome(server) {
        complained = "";
        change({ isConnected: true, sinceMs: clock.now(), server, message: "", streams: state.streams + 1 });
        log.info({ feed: options.address, server: server.id }, "connected to the feed");
      },
      onEngineAge(ageMs) {
        freshUptimeMs = clock.uptimeMs() - ageMs;
      },
      onShortened(lost) {
        const leftOut = lost.join(", ");
        if (leftOut !== shortened)
          log.warn({ leftOut }, "what this node has to say is too long for a message of the feed");
        shortened = leftOut;
      },
    });
    if (away !== undefined) {
      lost(message);
      const next = wasOpen ? 1 : failures + 1;
      return { failures: next, waitMs: awayMs(away, next, options.random) };
    }
    if (!wasOpen) return again(await refusals.explain(message, failures, read.credentials));
    refusals.forget();
    lost(message);
    return { failures: 1, waitMs: backoffMs(1, options.random()) };
  };

  const loop = async (): Promise<void> => {
    let failures = 0;
    while (!signal.aborted) {
      const result = await attempt(failures).catch((error: Error) => {
        lost(error.message);
        return { failures: failures + 1, waitMs: backoffMs(failures + 1, options.random()) };
      });
      failures = result.failures;
      if (!signal.aborted) await clock.sleep(result.waitMs, signal).catch(() => undefined);
    }
  };
  const running = loop();
  return {
    state: () => ({
      ...state,
      ...(freshUptimeMs === undefined ? {} : { engineAgeMs: Math.max(0, clock.uptimeMs() - freshUptimeMs) }),
    }),
    async stop() {
      stopping.abort(new Error("stopping"));
      await running;
    },
  };
}
