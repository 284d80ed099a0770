import type { WatchedRegistry } from "../../../../src/core/evidence/evidence-report.ts";
import { createKeyTable } from "../../../../src/core/evidence/otlp/key-table.ts";
import { readSpans } from "../../../../src/core/evidence/otlp/read-spans.ts";
import type { Span } from "../../../../src/core/evidence/otlp/span.ts";
import type { Pull, PullNotice } from "../../../../src/core/evidence/pull.ts";
import type { RegistryRequest } from "../../../../src/core/evidence/registry-request.ts";
import type { TraceOutput } from "../../../../src/core/evidence/traces/end-call.ts";
import { ENTRY_KEYS } from "../../../../src/core/evidence/traces/read-entry-span.ts";
import { EVENT_KEYS } from "../../../../src/core/evidence/traces/read-log-events.ts";
import { REQUEST_KEYS } from "../../../../src/core/evidence/traces/read-request-span.ts";
import {
  type CollectorLimits,
  createTraceCollector,
  DEFAULT_LIMITS,
  type TraceCollector,
} from "../../../../src/core/evidence/traces/trace-collector.ts";
import { encodeExport, type OtlpSpan } from "../../../support/otlp.ts";

export const mirrorHost = "127.0.0.1:5000";

export function watching(...mirrors: readonly string[]): readonly WatchedRegistry[] {
  return [{ namespace: "gcr.io", mirrors, upstream: "allow" }];
}

export const oneMirror = watching(`http://${mirrorHost}`);
export const witnessHost = "127.0.0.1:478";

export function collector(
  watched: () => readonly WatchedRegistry[] = () => oneMirror,
  limits: Partial<CollectorLimits> = {},
): TraceCollector {
  return createTraceCollector({ watched, witnessHost: () => witnessHost, limits });
}

const keys = createKeyTable([...REQUEST_KEYS, ...ENTRY_KEYS, ...EVENT_KEYS]);

export function readSpanList(spans: readonly OtlpSpan[]): readonly Span[] {
  return readSpans(encodeExport(spans), { keys, latestMs: Number.MAX_SAFE_INTEGER });
}

/** What comes of exports that arrive a second apart, and of the time after them. */
export function collect(
  exports: readonly (readonly Span[])[],
  watched: readonly WatchedRegistry[] = oneMirror,
): Collected {
  const collecting = collector(() => watched);
  let nowMs = 0;
  const outputs = exports.flatMap((spans) => {
    nowMs += 1000;
    return collecting.add(spans, nowMs);
  });
  return collected([...outputs, ...collecting.expire(nowMs + DEFAULT_LIMITS.settleMs)]);
}

export interface Collected {
  readonly requests: readonly RegistryRequest[];
  readonly pulls: readonly Pull[];
  readonly notices: readonly PullNotice[];
}

export function collected(outputs: readonly TraceOutput[]): Collected {
  return {
    requests: outputs.flatMap((output) => (output.kind === "request" ? [output.request] : [])),
    pulls: outputs.flatMap((output) => (output.kind === "pull" ? [output.pull] : [])),
    notices: outputs.flatMap((output) => (output.kind === "notice" ? [output.notice] : [])),
  };
}

/** A request in one line, digests short. */
export function line(request: RegistryRequest): string {
  const { role, host, method, registry, repository, kind, object, status, redirectedTo } = request;
  const what = kind === "token" ? "token" : `${registry}/${repository} ${kind} ${short(object)}`;
  const next = redirectedTo === undefined ? "" : ` → ${redirectedTo}`;
  return `${role} ${host} ${method} ${what} ${status ?? "-"}${next}`;
}

function short(object: string): string {
  return object.replace(/^sha256:(.{4}).*/, "$1");
}

/** Spans of one trace, made by hand. */
export function traceOf(traceId: string) {
  let count = 0;
  const span = (more: Partial<Span>): Span => {
    count++;
    return {
      traceId,
      spanId: `s${count}`,
      parentId: "",
      name: "",
      startMs: 1000 + count * 10,
      endMs: 1005 + count * 10,
      attributes: new Map(),
      events: [],
      failed: false,
      message: "",
      ...more,
    };
  };
  return {
    /** The end of a CRI pull; comes last. */
    root(image: string, more: Partial<Span> = {}, attributes: Record<string, string> = {}): Span {
      const map = new Map(Object.entries({ "image.ref": image, ...attributes }));
      return span({ spanId: "root", name: "runtime.v1.ImageService/PullImage", attributes: map, ...more });
    },
    request(method: string, url: string, status: number | undefined, more: Partial<Span> = {}): Span {
      const attributes = new Map<string, string | number>([
        ["http.request.method", method],
        ["url.full", url],
        ...(status === undefined ? [] : ([["http.response.status_code", status]] as const)),
      ]);
      return span({
        parentId: "root",
        name: "remotes.docker.resolver.HTTPRequest",
        attributes,
        failed: status === undefined || status >= 400,
        ...more,
      });
    },
    span,
  };
}
