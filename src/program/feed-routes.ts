import type { Registry } from "prom-client";
import { healthRoutes } from "../edge/health-routes.ts";
import type { Route } from "../edge/http-routes.ts";
import type { FeedFacts } from "../fleet/server/feed-facts.ts";
import { assessFeed, type FeedCheck } from "../fleet/server/feed-health.ts";

export interface FeedRoutesOptions {
  readonly registry: Registry;
  readonly facts: () => FeedFacts | undefined;
  readonly certEndsMs: () => number;
  readonly version: string;
  readonly fleet: string;
}

const CHECKS = ["records", "seat", "certificate"] as const;

/** `/livez`, `/readyz`, `/health` and `/metrics` of a feed server. A fleet without a controller is no reason to end it. */
export function feedRoutes(options: FeedRoutesOptions): readonly Route[] {
  const { registry, facts, certEndsMs } = options;
  const assess = (): readonly FeedCheck[] => assessFeed(facts(), certEndsMs(), Date.now());
  const ready = CHECKS.map((name) => ({
    name,
    check() {
      const found = assess().find((one) => one.name === name);
      return {
        ok: found !== undefined && found.status !== "fail",
        message: found?.message ?? "not begun yet",
      };
    },
  }));
  const draining = {
    name: "serving",
    check: () => ({
      ok: facts()?.isDraining !== true,
      message: facts()?.isDraining ? "it is about to end" : "",
    }),
  };
  return [
    ...healthRoutes([...ready, draining]),
    {
      path: "/health",
      listener: "metrics",
      handle: () => renderHealth(assess(), options),
    },
    {
      path: "/metrics",
      listener: "metrics",
      handle: async () => ({
        status: 200,
        contentType: registry.contentType,
        body: await registry.metrics(),
      }),
    },
  ];
}

/** As the agent's: draft-inadarei-api-health-check-06. */
function renderHealth(checks: readonly FeedCheck[], { version, fleet }: FeedRoutesOptions) {
  const worst =
    (["fail", "warn"] as const).find((one) => checks.some(({ status }) => status === one)) ?? "pass";
  const body = {
    status: worst,
    version,
    serviceId: "mirrorlet-feed",
    description: `whether nodes of the fleet ${fleet} are served here`,
    checks: Object.fromEntries(
      checks.map(({ name, status, message }) => [
        `feed:${name}`,
        [{ componentType: "component", status, output: message }],
      ]),
    ),
  };
  return {
    status: worst === "fail" ? 503 : 200,
    contentType: "application/health+json",
    body: `${JSON.stringify(body)}\n`,
  };
}
