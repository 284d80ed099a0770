import { rename, rm, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "./random.ts";
import type { Stage } from "./stage.ts";
import { breakWish, randomWish, type Wish } from "./wish.ts";

/** How the desired state changes in a round. */
export const THEMES = ["changes", "flapping fast", "broken files", "many registries", "rotations"] as const;
export type Theme = (typeof THEMES)[number];

export const WISH_PATH = "/etc/mirrorlet/desired-state.yaml";

/** Writes desired states until then; `count` is told of each, and gives generations, which only grow. */
export async function changeWishes(
  stage: Stage,
  random: Random,
  theme: Theme,
  until: () => boolean,
  nextGeneration: () => number,
): Promise<void> {
  const wish = (fillers: number): Wish => randomWish(random, stage.world, nextGeneration(), fillers);
  while (!until()) {
    switch (theme) {
      case "changes":
        await writeWish(stage, wish(random.between(0, 20)).text, random.chance(0.5));
        await sleep(random.between(300, 3_000));
        break;
      case "flapping fast":
        await writeWish(stage, wish(random.between(0, 3)).text, random.chance(0.7));
        await sleep(random.between(1, 30));
        break;
      case "broken files":
        await breakFile(stage, random, wish(3));
        await sleep(random.between(50, 1_500));
        break;
      case "many registries":
        await writeWish(stage, wish(random.pick([1, 30, 300, 990])).text, true);
        await sleep(random.between(500, 4_000));
        break;
      case "rotations":
        await stage.writeSecrets(random);
        if (random.chance(0.5)) await writeWish(stage, wish(2).text, true);
        await sleep(random.between(100, 1_500));
    }
  }
}

/** By rename, or in place, as an editor or a careless tool does. */
export async function writeWish(stage: Stage, text: string, atomically: boolean): Promise<void> {
  const path = stage.node.path(WISH_PATH);
  if (!atomically) return writeFile(path, text, { mode: 0o644 });
  await writeFile(`${path}.new`, text, { mode: 0o644 });
  await rename(`${path}.new`, path);
}

async function breakFile(stage: Stage, random: Random, wish: Wish): Promise<void> {
  const path = stage.node.path(WISH_PATH);
  if (random.chance(0.2)) return writeWish(stage, wish.text, true);
  if (random.chance(0.1)) return rm(path, { force: true });
  if (random.chance(0.2)) {
    // In two halves, with a reader in between.
    await writeFile(path, wish.text.slice(0, wish.text.length / 2));
    await sleep(random.between(1, 400));
    return writeFile(path, wish.text);
  }
  await writeFile(path, breakWish(random, wish.text).bytes);
}
