import type { GoneServers } from "./assess-node.ts";

/**
 * Which of those that are named are not alive, and since when that is known: servers, whose nodes then have no stream, or
 * streams that nodes have left.
 */
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
