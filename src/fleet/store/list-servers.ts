import type { FleetRecords } from "./fleet-records.ts";

/**
 * Ids of the feed servers that are there: also of those whose record cannot be read, for a later version says more. Were
 * such a server taken for gone, so would all its nodes be, and its tokens given to others.
 */
export function listServers({ server, broken }: FleetRecords): ReadonlySet<string> {
  const ids = new Set(server.keys());
  for (const { name } of broken.values()) if (name.kind === "server") ids.add(name.id);
  return ids;
}
