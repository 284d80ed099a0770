import { Counter, Gauge, type Registry } from "prom-client";
import type { FeedStatus } from "../../agent/feed/feed-status.ts";
import { PHASES, type Phase } from "../../core/fleet/phase.ts";

export interface FeedFacts {
  readonly status: FeedStatus;
  readonly answers: ReadonlyMap<Phase, number>;
}

/** What Prometheus sees of the feed, on nodes that have one. */
export function registerFeedMetrics(registry: Registry, facts: () => FeedFacts): void {
  const gauge = (name: string, help: string, read: (feed: FeedStatus) => number): void => {
    new Gauge({
      name: `mirrorlet_feed_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(read(facts().status));
      },
    });
  };
  gauge("connected", "1 while there is a stream to the feed.", ({ isConnected }) => (isConnected ? 1 : 0));
  gauge(
    "engine_age_seconds",
    "How long ago the feed was last proven to know the newest state of the fleet; -1: never since the agent started.",
    ({ engineAgeMs }) => (engineAgeMs === undefined ? -1 : engineAgeMs / 1000),
  );
  gauge(
    "certificate_not_after_timestamp_seconds",
    "End of the certificate that this node shows to the feed; 0: there is none.",
    ({ certificateNotAfterMs }) => (certificateNotAfterMs ?? 0) / 1000,
  );
  new Counter({
    name: "mirrorlet_feed_streams_total",
    help: "Streams to the feed that were opened.",
    registers: [registry],
    collect() {
      this.reset();
      this.inc(facts().status.streams);
    },
  });
  new Counter({
    name: "mirrorlet_feed_answers_total",
    help: "What assignments of the feed were answered, by phase.",
    labelNames: ["phase"],
    registers: [registry],
    collect() {
      this.reset();
      const { answers } = facts();
      for (const phase of PHASES) this.inc({ phase }, answers.get(phase) ?? 0);
    },
  });
}
