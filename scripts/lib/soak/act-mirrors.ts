import { setTimeout as sleep } from "node:timers/promises";
import type { Mirror } from "./mirror.ts";
import type { Random } from "./random.ts";
import { MOODS } from "./timeline.ts";

/** A mirror whose mood changes, at times several times a second; well when it ends. */
export async function flap(mirror: Mirror, random: Random, until: () => boolean): Promise<void> {
  while (!until()) {
    const mood = random.chance(0.4) ? "ok" : random.pick(MOODS);
    await mirror.setMood(mood);
    const lengthMs = mood === "hang" ? random.between(500, 4_000) : random.between(200, 5_000);
    for (const endMs = performance.now() + lengthMs; !until() && performance.now() < endMs; ) await sleep(50);
  }
  await mirror.setMood("ok");
}
