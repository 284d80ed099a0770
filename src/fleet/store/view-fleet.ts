import type { FleetView, GoneServers } from "../../core/fleet/assess-node.ts";
import { followServers } from "../../core/fleet/follow-servers.ts";
import type { FleetRecords } from "./fleet-records.ts";
import { listDoubtfulNodes, listNodes } from "./list-nodes.ts";

/** What decisions and summaries look at. `gone`: what the last look has found; none where this is the first. */
export function viewFleet(
  records: FleetRecords,
  gone: GoneServers,
  watchedSinceMs: number,
  nowMs: number,
): FleetView {
  return {
    nodes: listNodes(records),
    overridden: new Set([...records.override.keys(), ...listDoubtfulNodes(records)]),
    gone: followServers(gone, new Set(records.server.keys()), listNamedServers(records), nowMs),
    watchedSinceMs,
  };
}

function listNamedServers({ status }: FleetRecords): ReadonlySet<string> {
  const named = new Set<string>();
  for (const { value } of status.values()) if (value.connection) named.add(value.connection.server);
  return named;
}
