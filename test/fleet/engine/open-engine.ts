import type { Engine } from "../../../src/fleet/engine/engine.ts";
import { createEtcdEngine } from "../../../src/fleet/engine/etcd/etcd-engine.ts";
import type { EtcdOptions } from "../../../src/fleet/engine/etcd/etcd-options.ts";
import {
  createJournalEngine,
  type JournalEngine,
  type JournalOptions,
} from "../../../src/fleet/engine/journal/journal-engine.ts";

/** An engine on the clocks of this machine. */
export function openEtcd(options: Omit<EtcdOptions, "nowMs" | "random">): Promise<Engine> {
  return createEtcdEngine({ ...options, nowMs: () => performance.now(), random: Math.random });
}

export function openJournal(options: Omit<JournalOptions, "uptimeMs" | "random">): Promise<JournalEngine> {
  return createJournalEngine({ ...options, uptimeMs, random: Math.random });
}

/** The machine's, not this process'. */
export function uptimeMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}
