import { matchesSelector, type NodeIdentity, type Selector } from "../signing/selector.ts";
import { type Bundle, readBundle } from "./bundle.ts";
import { FLEET_LIMITS } from "./fleet-limits.ts";
import { isObject, type ReadResult } from "./problem.ts";
import { readRecord, readStored } from "./read-record.ts";
import { readSelector } from "./read-selector.ts";
import type { RecordReader } from "./record-reader.ts";

/** `channels/<channel>`: what its nodes run when no rollout says otherwise. */
export interface Channel {
  /** Which nodes take from it. */
  readonly members: Selector;
  /** Absent before the first rollout. */
  readonly stable?: Bundle;
  /** What rollouts to a part have brought since then; the last one that matches a node counts for it. */
  readonly scoped: readonly ScopedBundle[];
  /** Counts the rollouts that have ended here, well or by going back. */
  readonly generation: number;
}

export interface ScopedBundle extends Bundle {
  readonly scope: Selector;
}

export function stableFor({ stable, scoped }: Channel, node: NodeIdentity): Bundle | undefined {
  return scoped.findLast(({ scope }) => matchesSelector(scope, node)) ?? stable;
}

/** Everything that nodes of `scope` may run by this channel. */
export function listStable({ stable, scoped }: Channel): readonly Bundle[] {
  return [...(stable ? [stable] : []), ...scoped];
}

export function readChannel(text: string): ReadResult<Channel> {
  return readStored(text, "a channel", (reader) => {
    const stable = reader.optional("stable", () => reader.child("stable", "a bundle", readBundle));
    return {
      members: reader.child("members", "a selector", readSelector) ?? {},
      ...(stable && { stable }),
      scoped: reader.children("scoped", FLEET_LIMITS.scopedRead, "a bundle with its scope", readScoped),
      generation: reader.whole("generation", 0, Number.MAX_SAFE_INTEGER),
    };
  });
}

/** Of a record that cannot be read: who takes from it, if that much can be. */
export function readMembers(text: string): Selector | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const read = isObject(value) ? readRecord(value["members"], "a selector", readSelector) : undefined;
    return read?.ok ? read.value : undefined;
  } catch {
    return undefined;
  }
}

function readScoped(reader: RecordReader): ScopedBundle {
  return { scope: reader.child("scope", "a selector", readSelector) ?? {}, ...readBundle(reader) };
}
