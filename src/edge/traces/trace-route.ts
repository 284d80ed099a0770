import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { createKeyTable } from "../../core/evidence/otlp/key-table.ts";
import { readSpans } from "../../core/evidence/otlp/read-spans.ts";
import type { Span } from "../../core/evidence/otlp/span.ts";
import { OtlpError } from "../../core/evidence/otlp/wire.ts";
import { ENTRY_KEYS } from "../../core/evidence/traces/read-entry-span.ts";
import { EVENT_KEYS } from "../../core/evidence/traces/read-log-events.ts";
import { REQUEST_KEYS } from "../../core/evidence/traces/read-request-span.ts";
import type { Route, RouteResponse } from "../http-routes.ts";
import type { PeerTrust } from "../peer-trust.ts";
import { type BodyLimits, readBody } from "./read-body.ts";

/** What becomes of an export. */
export type ExportOutcome =
  | "accepted"
  /** From another user, or not over loopback. */
  | "forbidden"
  /** Another content type or encoding. */
  | "unsupported"
  | "too-large"
  | "invalid"
  /** Too many at once. */
  | "busy"
  /** The client left, or was too slow. */
  | "aborted";

export const EXPORT_OUTCOMES: readonly ExportOutcome[] = [
  "accepted",
  "forbidden",
  "unsupported",
  "too-large",
  "invalid",
  "busy",
  "aborted",
];

export interface TraceRouteOptions {
  readonly trustOf: (socket: Socket) => Promise<PeerTrust>;
  /** Wall clock, ms since the epoch. */
  readonly nowMs: () => number;
  readonly onSpans: (spans: readonly Span[]) => void;
  readonly onOutcome: (outcome: ExportOutcome, uid: number | undefined) => void;
}

const LIMITS: BodyLimits = { maxBytes: 4 * 1024 * 1024, maxPlainBytes: 16 * 1024 * 1024 };
/** containerd exports one at a time; so many bodies are in memory at most. */
const MAX_AT_ONCE = 4;

/**
 * `POST /v1/traces`: OTLP/HTTP with protobuf, https://opentelemetry.io/docs/specs/otlp/#otlphttp. Nothing of the
 * body is read before it is known that root or our own user sends it.
 */
export function createTraceRoute(options: TraceRouteOptions): Route {
  let atOnce = 0;
  const take = async (incoming: IncomingMessage): Promise<ExportOutcome> => {
    const isGzip = encodingOf(incoming);
    if (isGzip === undefined || !isProtobuf(incoming)) return "unsupported";
    if (atOnce >= MAX_AT_ONCE) return "busy";
    atOnce++;
    try {
      const body = await readBody(incoming, isGzip, LIMITS);
      if (!body.ok) return body.why;
      options.onSpans(readSpans(body.bytes, { keys, latestMs: options.nowMs() }));
      return "accepted";
    } catch (error) {
      if (error instanceof OtlpError) return error.code;
      throw error;
    } finally {
      atOnce--;
    }
  };
  return {
    path: "/v1/traces",
    listener: "agent",
    methods: ["POST"],
    async handle({ incoming }) {
      const { isTrusted, uid } = await options.trustOf(incoming.socket);
      const outcome = isTrusted ? await take(incoming) : "forbidden";
      options.onOutcome(outcome, uid);
      return answers[outcome];
    },
  };
}

const keys = createKeyTable([...REQUEST_KEYS, ...ENTRY_KEYS, ...EVENT_KEYS]);

function isProtobuf({ headers }: IncomingMessage): boolean {
  return /^application\/x-protobuf\s*(?:;|$)/i.test(headers["content-type"] ?? "");
}

/** Whether the body is gzip; undefined for an encoding that we do not take. */
function encodingOf({ headers }: IncomingMessage): boolean | undefined {
  const encoding = (headers["content-encoding"] ?? "identity").toLowerCase();
  return encoding === "gzip" ? true : encoding === "identity" || encoding === "" ? false : undefined;
}

const answers: Readonly<Record<ExportOutcome, RouteResponse>> = {
  // An ExportTraceServiceResponse without a complaint is empty.
  accepted: { status: 200, contentType: "application/x-protobuf", body: "" },
  // Not to be kept open for the next try.
  forbidden: {
    ...refusal(403, "spans are taken over loopback from root alone"),
    headers: { connection: "close" },
  },
  unsupported: refusal(415, "spans are taken as application/x-protobuf, plain or gzip"),
  "too-large": refusal(413, "more than 4 MiB, 16 MiB when unpacked, or too many spans"),
  invalid: refusal(400, "not an OTLP trace export"),
  busy: { ...refusal(503, "too many exports at once"), headers: { "retry-after": "1" } },
  aborted: refusal(400, "the body did not come to its end"),
};

/** A google.rpc.Status with a message of less than 128 ASCII characters, as OTLP wants errors told. */
function refusal(status: number, message: string): RouteResponse {
  const body = `\u0012${String.fromCharCode(message.length)}${message}`;
  return { status, contentType: "application/x-protobuf", body };
}
