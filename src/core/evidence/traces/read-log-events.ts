import type { Span, SpanEvent } from "../otlp/span.ts";
import type { RawRequest, SkippedHost } from "./raw-request.ts";
import { readRequestUrl } from "./request-url.ts";

export const EVENT_KEYS: readonly string[] = ["url", "request.method", "response.status", "host"];

/** What containerd logged within a span; builds without spans for requests tell of them in no other way. */
export interface LoggedRequests {
  /**
   * At level debug: every request, but a redirect is one request with the final answer, and token requests are
   * not told.
   */
  readonly requests: readonly RawRequest[];
  /** At level info: in 1.x only hosts that answered 404 or not at all. */
  readonly skipped: readonly SkippedHost[];
}

const nothing: LoggedRequests = { requests: [], skipped: [] };

/** `do request` and `fetch response received` in pairs; a request without a response got none. */
export function readLogEvents(span: Span): LoggedRequests {
  if (span.events.length === 0) return nothing;
  const requests: RawRequest[] = [];
  const skipped: SkippedHost[] = [];
  /** By URL: places in `requests` that wait for their answer, first come first. */
  const waiting = new Map<string, number[]>();
  for (const event of span.events) {
    if (event.name === "do request") {
      const request = readRequest(span, event);
      if (request === undefined) continue;
      waiting.set(urlOf(event), [...(waiting.get(urlOf(event)) ?? []), requests.length]);
      requests.push(request);
    } else if (event.name === "fetch response received") {
      const at = waiting.get(urlOf(event))?.shift();
      const request = at === undefined ? undefined : requests[at];
      if (at !== undefined && request !== undefined) requests[at] = answer(request, event);
    } else if (/^(?:trying next host|fetch failed)/.test(event.name)) {
      const host = readSkipped(event);
      if (host !== undefined) skipped.push(host);
    }
    if (requests.length + skipped.length >= MAX_EVENTS) break;
  }
  return { requests, skipped };
}

/** More than a span can hold with the limit of OpenTelemetry, 128 events. */
const MAX_EVENTS = 512;

/**
 * The line is written before the request is authorised: where no token was to be had it was never sent. The host has
 * then asked for one earlier in the pull, and no answer follows.
 */
export function withoutUnsent(logged: readonly RawRequest[]): readonly RawRequest[] {
  const challengedMs = new Map<string, number>();
  for (const { url, status, endMs } of logged) {
    if (status === 401) challengedMs.set(url.host, Math.min(endMs, challengedMs.get(url.host) ?? endMs));
  }
  return logged.filter(
    ({ url, status, startMs }) =>
      status !== undefined || startMs < (challengedMs.get(url.host) ?? Number.POSITIVE_INFINITY),
  );
}

function readRequest(span: Span, event: SpanEvent): RawRequest | undefined {
  const method = String(event.attributes.get("request.method") ?? "");
  const url = readRequestUrl(urlOf(event));
  if (url === undefined || (method !== "GET" && method !== "HEAD")) return undefined;
  const { spanId: parentId } = span;
  return {
    parentId,
    isToken: false,
    method,
    url,
    startMs: event.atMs,
    endMs: event.atMs,
    error: "no answer",
  };
}

function answer({ error: _, ...request }: RawRequest, event: SpanEvent): RawRequest {
  const status = Number.parseInt(String(event.attributes.get("response.status") ?? ""), 10);
  const isNumber = Number.isInteger(status) && status >= 100 && status <= 999;
  return { ...request, endMs: event.atMs, ...(isNumber ? { status } : { error: "no answer" }) };
}

function urlOf(event: SpanEvent): string {
  return String(event.attributes.get("url") ?? "");
}

function readSkipped(event: SpanEvent): SkippedHost | undefined {
  const host = String(event.attributes.get("host") ?? "").toLowerCase();
  if (!/^[a-z0-9._:[\]-]{1,261}$/.test(host)) return undefined;
  const status = /http\.StatusNotFound$/.test(event.name) ? "404" : /status: (\d{3})/.exec(event.name)?.[1];
  return { host, reason: status === undefined ? "gave no usable answer" : `answered ${status}` };
}
