import type { Selector } from "../signing/selector.ts";
import type { Bundle } from "./bundle.ts";
import { type Channel, readChannel, type ScopedBundle } from "./channel.ts";
import { FLEET_LIMITS } from "./fleet-limits.ts";
import { isWithin } from "./overlap.ts";
import { writeStored } from "./read-record.ts";

/** After a rollout of `bundle` to `scope` has gone through. Parts that no node has anything of any more are gone. */
export function withStable(channel: Channel, scope: Selector, { digest, serial }: Bundle): Channel {
  const generation = channel.generation + 1;
  // A rollout of the whole channel has its members for a scope.
  if (isWithin(channel.members, scope))
    return { ...channel, stable: { digest, serial }, scoped: [], generation };
  const others = channel.scoped.flatMap((one) => withoutScope(one, scope));
  return { ...channel, scoped: addPart(others, { scope, digest, serial }, channel.stable), generation };
}

/** Whether the record of it could be read again. */
export function isStorable(channel: Channel): boolean {
  return readChannel(writeStored(channel)).ok;
}

/** What is left of a part once a later one counts for `scope`. */
function withoutScope(part: ScopedBundle, scope: Selector): readonly ScopedBundle[] {
  if (isWithin(part.scope, scope)) return [];
  const { nodes, ...labels } = part.scope;
  if (nodes === undefined || scope.nodes === undefined) return [part];
  const taken = new Set(scope.nodes);
  const left = nodes.filter((node) => !taken.has(node));
  return [{ ...part, scope: { ...labels, ...(left.length > 0 && { nodes: left }) } }];
}

/**
 * Lists of nodes have no node in common (`withoutScope`), so that it makes no difference in which order they come, up to a
 * part with labels: two that have the same state become one, and one that has what the whole channel has needs no part.
 */
function addPart(
  parts: readonly ScopedBundle[],
  part: ScopedBundle,
  stable: Bundle | undefined,
): readonly ScopedBundle[] {
  if (!isList(part)) return [...parts, part];
  const first = parts.findLastIndex((one) => !isList(one)) + 1;
  if (first === 0 && part.digest === stable?.digest) return parts;
  const same = parts.findIndex((one, index) => index >= first && canJoin(one, part));
  const found = parts[same];
  if (found === undefined) return [...parts, part];
  const nodes = [...(found.scope.nodes ?? []), ...(part.scope.nodes ?? [])];
  return parts.with(same, { ...part, scope: { nodes } });
}

function isList({ scope }: ScopedBundle): boolean {
  return scope.nodes !== undefined && scope.labels === undefined;
}

function canJoin(one: ScopedBundle, other: ScopedBundle): boolean {
  const size = (one.scope.nodes?.length ?? 0) + (other.scope.nodes?.length ?? 0);
  return one.digest === other.digest && size <= FLEET_LIMITS.selectorValues;
}
