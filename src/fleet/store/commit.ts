import type { CallOptions, Compare, Operation } from "../engine/engine.ts";
import { encodeRecord } from "./encode-record.ts";
import type { FleetRecords, RecordValues, Stored } from "./fleet-records.ts";
import type { FleetStore } from "./fleet-store.ts";
import { bundleKey, keyOf, pastRolloutKey, type RecordKind, type RecordName } from "./record-name.ts";

/**
 * not ok: something has changed that the write was made from, and nothing was written: look again.
 * Every write rejects with EngineError, whose `applied` says whether it may have been made all the same.
 */
export type WriteResult = { readonly ok: true; readonly revision: number } | { readonly ok: false };

/** Something that has to be so for a write to be made. */
export type Guard =
  /** The record is as it was read; revision 0: there is none. Also good for one that cannot be read. */
  | { readonly name: RecordName; readonly modRevision: number }
  /** It was not deleted since, whatever was written to it. */
  | { readonly name: RecordName; readonly createRevision: number };

/** Something that has to be so as well: no rollout of this name has ever been pruned. */
export interface NeverPruned {
  readonly neverPruned: string;
}

export type RecordWrite =
  | {
      readonly [Kind in RecordKind]: {
        readonly kind: Kind;
        readonly id: string;
        readonly value: RecordValues[Kind];
        /** As `encodeRecord` makes them of it, where that is done already. */
        readonly bytes?: Uint8Array;
        /** The lease that it goes with. */
        readonly lease?: string;
      };
    }[RecordKind]
  | { readonly remove: RecordName }
  /** By its digest. */
  | { readonly removeBundle: string }
  /** By its name, for ever. */
  | { readonly notePruned: string };

/** One transaction: all of it, if all guards hold. */
export async function commit(
  { engine, fleet }: FleetStore,
  guards: readonly (Guard | NeverPruned)[],
  writes: readonly RecordWrite[],
  options?: CallOptions,
): Promise<WriteResult> {
  const { succeeded, revision } = await engine.txn(
    {
      compare: guards.map((guard) => toCompare(fleet, guard)),
      success: writes.map((write) => toOperation(fleet, write)),
    },
    options,
  );
  return succeeded ? { ok: true, revision } : { ok: false };
}

/** `before` undefined: there was none. */
export function unchanged(
  kind: RecordKind,
  id: string,
  before: Pick<Stored<unknown>, "modRevision"> | undefined,
): Guard {
  return { name: { kind, id }, modRevision: before?.modRevision ?? 0 };
}

/** As it is in `records`, readable or not. */
export function guardOf(fleet: string, records: FleetRecords, name: RecordName): Guard {
  const stored = records[name.kind].get(name.id) ?? records.broken.get(keyOf(fleet, name));
  return unchanged(name.kind, name.id, stored);
}

function toCompare(fleet: string, guard: Guard | NeverPruned): Compare {
  if ("neverPruned" in guard) return { key: pastRolloutKey(fleet, guard.neverPruned), createRevision: 0 };
  const { name, ...revision } = guard;
  return { key: keyOf(fleet, name), ...revision };
}

/** That the key is there says all. */
const EMPTY = new TextEncoder().encode("{}");

function toOperation(fleet: string, write: RecordWrite): Operation {
  if ("removeBundle" in write) return { kind: "delete", key: bundleKey(fleet, write.removeBundle) };
  if ("notePruned" in write)
    return { kind: "put", key: pastRolloutKey(fleet, write.notePruned), value: EMPTY };
  if ("remove" in write) return { kind: "delete", key: keyOf(fleet, write.remove) };
  const { kind, id, value, bytes, lease } = write;
  return {
    kind: "put",
    key: keyOf(fleet, { kind, id }),
    value: bytes ?? encodeRecord(kind, value),
    ...(lease !== undefined && { lease }),
  };
}
