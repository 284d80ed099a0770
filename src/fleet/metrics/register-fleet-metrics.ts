import { Counter, Gauge, type Registry } from "prom-client";
import { createFleetFigures, type FleetFigures, type FleetMetricsSource } from "./fleet-figures.ts";
import { FLEET_GAUGES, type FleetGauge } from "./fleet-gauges.ts";

/** `mirrorlet_fleet_…`, read when they are asked for. */
export function registerFleetMetrics(registry: Registry, source: FleetMetricsSource): void {
  const figures = createFleetFigures(source);
  for (const gauge of FLEET_GAUGES) registerGauge(registry, gauge, figures);
  const { counts } = source.followed;
  const counters: readonly (readonly [string, string, () => number | undefined])[] = [
    ["engine_listings_total", "Listings of the records that were needed to go on.", () => counts().listings],
    [
      "engine_repairs_total",
      "Changes that the engine did not tell and a listing did.",
      () => counts().repairs,
    ],
    [
      "controller_rounds_total",
      "Looks at the whole fleet by this process.",
      () => source.controller?.().rounds,
    ],
    [
      "controller_conflicts_total",
      "Writes of the controller that came too late and were made anew.",
      () => source.controller?.().conflicts,
    ],
    [
      "controller_failures_total",
      "Looks at the fleet after which something could not be written.",
      () => source.controller?.().failures,
    ],
  ];
  for (const [name, help, read] of counters) registerCounter(registry, name, help, read);
}

function registerGauge(
  registry: Registry,
  { name, help, labels, read }: FleetGauge,
  figures: () => FleetFigures,
): void {
  new Gauge({
    name: `mirrorlet_fleet_${name}`,
    help,
    labelNames: [...labels],
    registers: [registry],
    collect() {
      this.reset();
      // Without labels, a reset leaves a 0 behind that nobody has said.
      if (labels.length === 0) this.remove();
      for (const [value, labelled = {}] of read(figures())) this.set(labelled, value);
    },
  });
}

function registerCounter(
  registry: Registry,
  name: string,
  help: string,
  read: () => number | undefined,
): void {
  new Counter({
    name: `mirrorlet_fleet_${name}`,
    help,
    registers: [registry],
    collect() {
      this.reset();
      this.inc(read() ?? 0);
    },
  });
}
