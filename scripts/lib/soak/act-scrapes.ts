import { setTimeout as sleep } from "node:timers/promises";
import { type Answer, ask } from "./ask.ts";
import type { Random } from "./random.ts";

const PAGES = ["/metrics", "/health", "/status.json", "/", "/readyz"];

/** A scraper as a fleet has them, and now and then a crowd. */
export async function scrapeAllTheTime(
  door: string,
  random: Random,
  until: () => boolean,
  record: (answer: Answer, among: number) => void,
): Promise<void> {
  while (!until()) {
    const among = random.chance(0.1) ? 50 : 1;
    const asked = Array.from({ length: among }, () => ask(door, random.pick(PAGES)));
    for (const answer of await Promise.all(asked)) record(answer, among);
    await sleep(random.between(100, 600));
  }
}

/** What a liveness probe sees: /livez, again and again. */
export async function probeLiveness(
  door: string,
  until: () => boolean,
  record: (answer: Answer) => void,
): Promise<void> {
  while (!until()) {
    record(await ask(door, "/livez"));
    await sleep(100);
  }
}
