import type { FleetPicture } from "../cli/fleet-report.ts";
import type { GoneServers } from "../core/fleet/assess-node.ts";
import { type EndOf, listEnding } from "../core/fleet/list-ending.ts";
import type { FleetRecords } from "../fleet/store/fleet-records.ts";
import { listChannels } from "../fleet/store/list-channels.ts";
import { viewFleet } from "../fleet/store/view-fleet.ts";

export interface PictureOptions {
  readonly fleet: string;
  readonly atMs: number;
  /** What an earlier picture has found gone. */
  readonly gone?: GoneServers;
  /** False: its key is there, but it has not been heard for too long. */
  readonly isLed?: boolean;
  /** How old the records are; given where that is worth telling. */
  readonly staleMs?: number;
  /** When published states expire. */
  readonly endOf: EndOf;
}

/** Records, as commands look at them. */
export function pictureFleet(
  records: FleetRecords,
  { fleet, atMs, gone = new Map(), isLed = true, staleMs, endOf }: PictureOptions,
): FleetPicture {
  const leader = isLed ? records.controller.get("")?.value : undefined;
  const channels = listChannels(records);
  return {
    fleet,
    atMs,
    channels,
    ending: listEnding(channels, endOf, atMs),
    view: viewFleet(records, { gone }, leader?.sinceMs ?? atMs, atMs),
    overrides: valuesOf(records.override),
    inventory: valuesOf(records.inventory),
    servers: [...records.server].map(([id, { value }]) => ({ id, ...value })),
    ...(leader && { controller: leader }),
    broken: [...records.broken.values()].map(({ key, message }) => ({ key, message })),
    ...(staleMs !== undefined && { staleMs }),
  };
}

function valuesOf<T>(records: ReadonlyMap<string, { readonly value: T }>): ReadonlyMap<string, T> {
  return new Map([...records].map(([id, { value }]) => [id, value]));
}
