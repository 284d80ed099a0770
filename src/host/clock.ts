import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../agent/ports.ts";

/** The machine's clocks. Reads the boot id once: it cannot change while this process lives. */
export function createClock(): Clock {
  return {
    now: () => Date.now(),
    uptimeMs: readUptimeMs,
    bootId: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
    sleep,
  };
}

// process.hrtime stops during suspend; the kernel's uptime counts it, in hundredths of a second.
function readUptimeMs(): number {
  const seconds = Number.parseFloat(readFileSync("/proc/uptime", "utf8"));
  return Math.round(seconds * 1000);
}

async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
