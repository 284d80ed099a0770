import { Gauge, type Registry } from "prom-client";
import type { WatchedRegistry } from "../core/evidence/evidence-report.ts";

/**
 * `mirrorlet_registry_info`: which registries have mirrors, and whether their upstream is closed. A pull that reaches
 * a closed upstream is another alarm than one that falls back.
 */
export function createRegistryInfo(registry: Registry): (registries: readonly WatchedRegistry[]) => void {
  const info = new Gauge({
    name: "mirrorlet_registry_info",
    help: "Always 1; a registry that mirrors are in force for, and its upstream: allow or never.",
    labelNames: ["registry", "upstream"],
    registers: [registry],
  });
  return (registries) => {
    info.reset();
    for (const { namespace, upstream } of registries) info.set({ registry: namespace, upstream }, 1);
  };
}
