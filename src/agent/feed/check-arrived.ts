import { floorOf } from "../serial-floors.ts";
import { type CheckedDocument, checkDocument } from "./check-document.ts";
import type { KeeperContext } from "./keeper-context.ts";

/** By the keys, the record, the floors and the clock as they are now. */
export async function checkArrived(
  context: KeeperContext,
  envelope: Uint8Array,
  digest: string,
): Promise<CheckedDocument> {
  const { state, node, ports, mayBeUnsigned, signing } = context;
  const expected = await context.expected();
  if ("code" in expected) return { ok: false, error: { ...expected, retriable: true } };
  const { record } = await state.loadRecord();
  node.record = record;
  const stored = await state.loadFloors();
  return checkDocument(envelope, digest, {
    expected,
    mayBeUnsigned,
    signing,
    standingOf(fleet, channel) {
      const floor = floorOf(stored, record, fleet, channel);
      return floor === undefined
        ? "damaged"
        : { floor, runningDigest: record.signed?.digest, nowMs: ports.clock.now() };
    },
  });
}

/** It is not the document that is wrong: the same may be good later. */
export function mayPass({ error, notBeforeMs }: Extract<CheckedDocument, { ok: false }>): boolean {
  return notBeforeMs !== undefined || error.retriable === true;
}
