import { setTimeout as sleep } from "node:timers/promises";
import { pullImage, removeImage } from "../../../test/support/cri-client.ts";
import type { PullRecord } from "./judge-pulls.ts";
import type { Random } from "./random.ts";
import type { Stage, StageImage } from "./stage.ts";

const DEADLINE_MS = 45_000;

/** Pulls until then: what exists and what does not, by tag and by digest, one at a time and several at once. */
export async function pullAllTheTime(
  stage: Stage,
  random: Random,
  images: readonly StageImage[],
  until: () => boolean,
  record: (pull: PullRecord) => void,
): Promise<void> {
  while (!until()) {
    const image = random.pick(images);
    const exists = random.chance(0.85);
    const object = random.chance(0.3)
      ? `@${exists ? image.digest : NOWHERE}`
      : `:${exists ? image.tag : "no"}`;
    const reference = `${image.repository}${object}`;
    const count = random.chance(0.2) ? random.between(2, 5) : 1;
    const pulls = Array.from({ length: count }, () =>
      pullOnce(stage.socket, image.registry, reference, exists),
    );
    for (const pull of await Promise.all(pulls)) record(pull);
    // Only when nobody pulls it: what becomes of a pull whose image is removed under its hands is no question of ours.
    if (random.chance(0.7)) await removeImage(stage.socket, reference).catch(() => {});
    await sleep(random.between(0, 150));
  }
}

const NOWHERE = `sha256:${"0".repeat(64)}`;

export async function pullOnce(
  socket: string,
  registry: string,
  image: string,
  exists: boolean,
): Promise<PullRecord> {
  const fromMs = performance.now();
  const pulled = await pullImage(socket, image, undefined, DEADLINE_MS);
  return {
    image,
    registry,
    exists,
    fromMs,
    toMs: performance.now(),
    deadlineMs: DEADLINE_MS,
    ...(pulled.ok ? {} : { error: { code: pulled.code, message: pulled.message } }),
  };
}
