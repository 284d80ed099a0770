import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { MODES } from "../../core/fleet/node-status.ts";
import { PHASES } from "../../core/fleet/phase.ts";
import { type FeedEvent, REFUSED_REASONS } from "./feed-events.ts";
import type { FeedFacts } from "./feed-facts.ts";

export interface FeedMetrics {
  count(event: FeedEvent): void;
}

export interface FeedMetricsOptions {
  /** Undefined: the server has not begun yet. */
  readonly facts: () => FeedFacts | undefined;
  /** When the files that are in use end, ms since the epoch. */
  readonly ends: () => { readonly cert: number; readonly ca: number };
}

const PREFIX = "mirrorlet_feed_server_";

/** What a feed server says of itself. Labels are bounded: never a node, never the text of an error. */
export function registerFeedMetrics(registry: Registry, options: FeedMetricsOptions): FeedMetrics {
  registerGauges(registry, options);
  const registers = [registry];
  const counter = (name: string, help: string, label?: string, values: readonly string[] = []) => {
    const made = new Counter({ name: PREFIX + name, help, registers, labelNames: label ? [label] : [] });
    // Each is there from the start, so that rate() sees the first event.
    for (const value of values) made.inc({ [label ?? ""]: value }, 0);
    return made;
  };
  const opened = counter("streams_opened_total", "Streams whose node has said Hello.");
  const refused = counter(
    "streams_refused_total",
    "Streams that were turned away.",
    "reason",
    REFUSED_REASONS,
  );
  const ended = counter("streams_ended_total", "Streams that have ended, by why.", "reason", END_REASONS);
  const dropped = counter(
    "connections_dropped_total",
    "Connections that were dropped before their handshake.",
    "reason",
    ["busy", "full"],
  );
  const reports = counter("reports_total", "Reports of nodes.", "phase", PHASES);
  const unknown = counter("unknown_messages_total", "Messages that were not understood.");
  const throttled = counter(
    "throttled_total",
    "Times that a node was read more slowly, as it says too much.",
  );
  const assigned = counter("assignments_total", "Assignments that were sent.", "mode", MODES);
  const conflated = counter(
    "assignments_conflated_total",
    "Assignments that a newer one has replaced unsent.",
  );
  const writes = counter("status_writes_total", "Transactions with statuses.", "outcome", [
    "ok",
    "conflict",
    "error",
  ]);
  const written = counter("statuses_written_total", "Statuses of nodes that were made durable.");
  const engineErrors = counter("engine_errors_total", "Calls to the engine that have failed.");
  const clones = counter("clones_total", "Streams of a node whose id two processes use in turns.");
  const seconds = new Histogram({
    name: `${PREFIX}status_write_seconds`,
    help: "How long transactions with statuses take.",
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers,
  });
  return {
    count(event) {
      switch (event.kind) {
        case "connection-dropped":
          return dropped.inc({ reason: event.why });
        case "stream-refused":
          return refused.inc({ reason: event.why });
        case "stream-opened":
          return opened.inc();
        case "stream-ended":
          return ended.inc({ reason: event.why });
        case "cloned":
          return clones.inc();
        case "report":
          return reports.inc({ phase: event.phase });
        case "unknown-message":
          return unknown.inc();
        case "throttled":
          return throttled.inc();
        case "assigned":
          return assigned.inc({ mode: event.mode });
        case "conflated":
          return conflated.inc();
        case "status-write":
          writes.inc({ outcome: event.outcome });
          if (event.outcome === "ok") written.inc(event.statuses);
          return seconds.observe(event.tookMs / 1_000);
        case "engine-error":
          return engineErrors.inc();
        case "bundle-missing":
        case "seat":
        case "clock":
        case "broken-record":
          return undefined;
        default:
          return event satisfies never;
      }
    },
  };
}

const END_REASONS = [
  "superseded",
  "silent",
  "stuck",
  "denied",
  "old",
  "draining",
  "by-node",
  "bad-message",
] as const satisfies readonly Extract<FeedEvent, { kind: "stream-ended" }>["why"][];

function registerGauges(registry: Registry, { facts, ends }: FeedMetricsOptions): void {
  const gauge = (name: string, help: string, read: (facts: FeedFacts) => number): void => {
    new Gauge({
      name: PREFIX + name,
      help,
      registers: [registry],
      collect() {
        const now = facts();
        if (now !== undefined) this.set(read(now));
      },
    });
  };
  gauge("streams", "Nodes that are connected here.", ({ streams }) => streams);
  gauge("connections", "Connections, with those that have no stream.", ({ connections }) => connections);
  gauge("handshakes_waiting", "Connections that wait for their handshake.", (now) => now.handshakesWaiting);
  gauge("reports_unwritten", "Reports that are not durable yet.", (now) => now.unwrittenReports);
  gauge("tokens", "How many nodes this server may have in flight.", ({ tokensHeld }) => tokensHeld);
  gauge(
    "nodes_waiting_for_token",
    "Nodes whose turn it is once others are done.",
    (now) => now.nodesWaitingForToken,
  );
  gauge("seated", "1 while the server is known to the fleet.", (now) => Number(now.serverId !== undefined));
  const end = new Gauge({
    name: `${PREFIX}certificate_not_after_timestamp_seconds`,
    help: "When the certificate in use ends, and the first of the authorities.",
    labelNames: ["file"],
    registers: [registry],
    collect() {
      const { cert, ca } = ends();
      end.set({ file: "cert" }, cert / 1_000);
      end.set({ file: "ca" }, ca / 1_000);
    },
  });
}
