import { openSync, readFileSync, readSync } from "node:fs";
import { setTimeout as delay, setImmediate } from "node:timers/promises";
import type { Clock } from "../agent/ports.ts";
import type { TurnClock } from "../agent/take-turns.ts";

/** The machine's clocks. Reads the boot id once: it cannot change while this process lives. */
export function createClock(): Clock {
  return {
    now: () => Date.now(),
    uptimeMs: createUptime(),
    bootId: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
    sleep,
    ...createTurnClock(),
  };
}

/**
 * process.hrtime stops during suspend; the kernel's uptime counts it, in hundredths of a second. Its file stays open:
 * everything asks for the time, and must go on when no more descriptors are to be had.
 */
function createUptime(): () => number {
  const descriptor = openSync("/proc/uptime", "r");
  const buffer = Buffer.alloc(64);
  return () => {
    const text = buffer.toString("latin1", 0, readSync(descriptor, buffer, 0, buffer.length, 0));
    return Math.round(Number.parseFloat(text) * 1000);
  };
}

/** One goes on in each round of the loop: three that work in slices would hold it three slices long. */
function createTurns(): Clock["turn"] {
  let last = Promise.resolve();
  return () => {
    last = last.then(() => setImmediate());
    return last;
  };
}

/** Where there is no other whose turns these are. */
export function createTurnClock(): TurnClock {
  return { loopMs: () => performance.now(), turn: createTurns() };
}

async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
