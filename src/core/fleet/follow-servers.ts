import type { GoneServers } from "./assess-node.ts";

/** Which of the servers that statuses name are not alive, and since when that is known: their nodes have no stream. */
export function followServers(
  before: GoneServers,
  alive: ReadonlySet<string>,
  named: Iterable<string>,
  nowMs: number,
): GoneServers {
  const gone = new Map<string, number>();
  for (const server of named) if (!alive.has(server)) gone.set(server, before.get(server) ?? nowMs);
  return gone;
}
