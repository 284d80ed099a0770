import type { WaveOf } from "../../core/fleet/decision.ts";
import { findWave, type Sha256 } from "../../core/fleet/membership.ts";
import type { RolloutSpec } from "../../core/fleet/rollout-spec.ts";

/** The wave of each node, hashed once for as long as its labels and the rollout are the same objects. */
export function rememberWaves(sha256: Sha256): (spec: RolloutSpec) => WaveOf {
  const bySpec = new WeakMap<RolloutSpec, Map<string, Remembered>>();
  return (spec) => {
    const waves = bySpec.get(spec) ?? new Map<string, Remembered>();
    bySpec.set(spec, waves);
    return (node) => {
      const known = waves.get(node.id);
      if (known?.labels === node.labels) return known.wave;
      const wave = findWave(spec, node, sha256);
      waves.set(node.id, { labels: node.labels, wave });
      return wave;
    };
  };
}

interface Remembered {
  readonly labels: Readonly<Record<string, string>>;
  readonly wave: number | undefined;
}
