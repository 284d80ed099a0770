import { isNodeName } from "../signing/selector.ts";
import { FLEET_LIMITS } from "./fleet-limits.ts";
import type { ReadResult } from "./problem.ts";
import { readStored } from "./read-record.ts";
import { NAME_FORM } from "./read-rollout-spec.ts";

/**
 * `rollouts/<id>/tokens`, changed by compare-and-swap: how many of the nodes that may be in flight each feed server has
 * taken for itself. A server tells a node to apply only while it has fewer in flight (`countInFlight`) than its block is
 * large, and only after the offer is durable in a transaction that its own lease fences. So the sum of blocks, which is
 * never above the cap, is never below what is in flight, whichever servers die when.
 */
export interface TokenBlocks {
  readonly blocks: readonly TokenBlock[];
}

export interface TokenBlock {
  readonly server: string;
  readonly size: number;
}

export const NO_TOKENS: TokenBlocks = { blocks: [] };

/** Up to `want` more for a server; undefined: there is none left. `cap`: maxInFlight of the newest wave released. */
export function takeTokens(
  { blocks }: TokenBlocks,
  server: string,
  want: number,
  cap: number,
): TokenBlocks | undefined {
  const free = cap - blocks.reduce((sum, { size }) => sum + size, 0);
  const more = Math.min(want, free);
  if (more <= 0) return undefined;
  return withSize(blocks, server, sizeOf(blocks, server) + more);
}

/** A server keeps what it has in flight, and gives back the rest. */
export function returnTokens({ blocks }: TokenBlocks, server: string, inFlight: number): TokenBlocks {
  return withSize(blocks, server, Math.min(sizeOf(blocks, server), inFlight));
}

/**
 * What servers that are gone had: nodes that are in flight keep theirs, until they answer or are overdue. Who does this
 * has seen the end of the server's lease, and with it every offer that the server has made.
 */
export function reclaimTokens(
  { blocks }: TokenBlocks,
  isGone: (server: string) => boolean,
  inFlight: (server: string) => number,
): TokenBlocks {
  return {
    blocks: blocks
      .map(({ server, size }) => ({ server, size: isGone(server) ? Math.min(size, inFlight(server)) : size }))
      .filter(({ size }) => size > 0),
  };
}

export function sizeOf(blocks: readonly TokenBlock[], server: string): number {
  return blocks.find((block) => block.server === server)?.size ?? 0;
}

export function readTokens(text: string): ReadResult<TokenBlocks> {
  return readStored(text, "the tokens of a rollout", (reader) => ({
    blocks: reader.children("blocks", 1000, "a block of tokens", (block) => ({
      server: block.text("server", isNodeName, NAME_FORM),
      size: block.whole("size", 1, FLEET_LIMITS.maxInFlight),
    })),
  }));
}

function withSize(blocks: readonly TokenBlock[], server: string, size: number): TokenBlocks {
  const others = blocks.filter((block) => block.server !== server);
  return { blocks: size === 0 ? others : [...others, { server, size }] };
}
