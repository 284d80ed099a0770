import type { FleetPicture } from "../cli/fleet-report.ts";
import type { GoneServers } from "../core/fleet/assess-node.ts";
import { CONTROLLER_FRESH_MS } from "../core/fleet/choose-assignment.ts";
import type { EndOf } from "../core/fleet/list-ending.ts";
import { joinSignals } from "../fleet/join-signals.ts";
import { pause } from "../fleet/pause.ts";
import type { FleetStore } from "../fleet/store/fleet-store.ts";
import { followFleet } from "../fleet/store/follow-fleet.ts";
import { pictureFleet } from "./picture-fleet.ts";

export interface WatchClocks {
  readonly nowMs: () => number;
  readonly uptimeMs: () => number;
  readonly random: () => number;
}

const AT_MOST_MS = 1_000;
/** Also where nothing changes: what is late becomes so by the clock. */
const AT_LEAST_MS = 5_000;
const STALE_MS = 15_000;

/** Tells a picture after each change, at most one a second, until it is aborted. */
export async function watchPictures(
  store: FleetStore,
  signal: AbortSignal,
  onPicture: (picture: FleetPicture) => void,
  { nowMs, uptimeMs, random }: WatchClocks,
  endOf: EndOf,
): Promise<void> {
  let wake = new AbortController();
  const followed = followFleet(store, { nowMs: uptimeMs, random, onChanges: () => wake.abort() });
  let gone: GoneServers = new Map();
  const beganMs = uptimeMs();
  try {
    await Promise.race([followed.ready, aborted(signal)]);
    while (!signal.aborted) {
      wake = new AbortController();
      const mayTellBeat = uptimeMs() - beganMs > CONTROLLER_FRESH_MS;
      const ageMs = followed.ageMs();
      const picture = pictureFleet(followed.records, {
        fleet: store.fleet,
        atMs: nowMs(),
        gone,
        endOf,
        isLed: !mayTellBeat || followed.beatAgeMs() <= CONTROLLER_FRESH_MS,
        ...(ageMs > STALE_MS && { staleMs: ageMs }),
      });
      gone = picture.view.gone;
      onPicture(picture);
      await pause(AT_MOST_MS, signal);
      const either = joinSignals([signal, wake.signal]);
      await pause(AT_LEAST_MS - AT_MOST_MS, either.signal);
      either.release();
    }
  } finally {
    await followed.close();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
