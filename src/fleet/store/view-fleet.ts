import { type FleetView, nameLeave } from "../../core/fleet/assess-node.ts";
import { followServers } from "../../core/fleet/follow-servers.ts";
import type { FleetRecords } from "./fleet-records.ts";
import { listDoubtfulNodes, listNodes } from "./list-nodes.ts";
import { listServers } from "./list-servers.ts";

/**
 * What decisions and summaries look at. `before`: what the last look has found; nothing where this is the first. Without
 * `left`, nodes have left when their servers say.
 */
export function viewFleet(
  records: FleetRecords,
  { gone, left }: Pick<FleetView, "gone" | "left">,
  watchedSinceMs: number,
  nowMs: number,
): FleetView {
  return {
    nodes: listNodes(records),
    overridden: new Set([...records.override.keys(), ...listDoubtfulNodes(records)]),
    gone: followServers(gone, listServers(records), listNamedServers(records), nowMs),
    ...(left && { left: followServers(left, NONE, listLeaves(records), nowMs) }),
    watchedSinceMs,
  };
}

const NONE: ReadonlySet<string> = new Set();

function* listLeaves({ status }: FleetRecords): Iterable<string> {
  for (const { value } of status.values()) if (value.connection === undefined) yield nameLeave(value);
}

function listNamedServers({ status }: FleetRecords): ReadonlySet<string> {
  const named = new Set<string>();
  for (const { value } of status.values()) if (value.connection) named.add(value.connection.server);
  return named;
}
