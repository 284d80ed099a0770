import type { WitnessHit } from "../../core/evidence/pull.ts";
import type { FromWitness } from "./witness-messages.ts";

/** Takes hits to the main thread, one batch at a time, so that a busy main loop never makes memory grow. */
export interface HitQueue {
  add(hit: WitnessHit): void;
  /** Something may have been a hit, and is not known to be one. */
  lose(): void;
  /** The main thread has taken the last batch. */
  taken(): void;
}

const MAX_WAITING = 1024;
const MAX_BATCH = 256;

export function createHitQueue(post: (batch: Extract<FromWitness, { kind: "hits" }>) => void): HitQueue {
  const waiting: WitnessHit[] = [];
  let lost = 0;
  let underWay = false;
  const send = (): void => {
    if (underWay || (waiting.length === 0 && lost === 0)) return;
    underWay = true;
    post({ kind: "hits", hits: waiting.splice(0, MAX_BATCH), lost });
    lost = 0;
  };
  return {
    add(hit) {
      if (waiting.length < MAX_WAITING) waiting.push(hit);
      else lost++;
      send();
    },
    lose() {
      lost++;
      send();
    },
    taken() {
      underWay = false;
      send();
    },
  };
}
