import { Registry } from "prom-client";
import { type HealthCheck, healthRoutes } from "../edge/health-routes.ts";
import type { Route } from "../edge/http-routes.ts";
import { registerProcessMetrics } from "../edge/process-metrics.ts";
import { renderSparingly } from "../edge/rendered-body.ts";
import type { FleetMetricsSource } from "../fleet/metrics/fleet-figures.ts";
import { registerFleetMetrics } from "../fleet/metrics/register-fleet-metrics.ts";
import type { FollowedFleet } from "../fleet/store/follow-fleet.ts";

/** What a controller that serves no nodes answers over HTTP. */
export function controlRoutes(source: FleetMetricsSource): readonly Route[] {
  const registry = new Registry();
  registerProcessMetrics(registry);
  registerFleetMetrics(registry, source);
  const page = renderSparingly(async () => ({ status: 200, text: await registry.metrics() }));
  return [
    ...healthRoutes([recordsCheck(source.followed)]),
    {
      path: "/metrics",
      listener: "metrics",
      handle: async ({ incoming }) => ({
        contentType: registry.contentType,
        ...(await page.get(incoming)),
      }),
    },
  ];
}

/** Not ready: its engine does not answer. Which of several leads is no matter of readiness. */
function recordsCheck({ ageMs }: FollowedFleet): HealthCheck {
  return {
    name: "records",
    check() {
      const age = ageMs();
      if (age === Number.POSITIVE_INFINITY) return { ok: false, message: "not read yet" };
      return { ok: age < STALE_MS, message: `${Math.round(age / 1000)} s old` };
    },
  };
}

const STALE_MS = 30_000;
