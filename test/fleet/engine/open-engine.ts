import type { Engine } from "../../../src/fleet/engine/engine.ts";
import { createEtcdEngine } from "../../../src/fleet/engine/etcd/etcd-engine.ts";
import type { EtcdOptions } from "../../../src/fleet/engine/etcd/etcd-options.ts";

/** An engine on the clocks of this machine. */
export function openEtcd(options: Omit<EtcdOptions, "nowMs" | "random">): Promise<Engine> {
  return createEtcdEngine({ ...options, nowMs: () => performance.now(), random: Math.random });
}
