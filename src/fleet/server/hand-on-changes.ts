import { listStable } from "../../core/fleet/channel.ts";
import { isEnded } from "../../core/fleet/rollout-state.ts";
import type { FleetRecords } from "../store/fleet-records.ts";
import type { RecordKind, RecordName } from "../store/record-name.ts";
import type { BundleCache } from "./bundle-cache.ts";
import type { Chooser } from "./choose-for-node.ts";
import type { NodeDesk } from "./node-desk.ts";
import type { StatusBoard } from "./status-board.ts";
import type { TokenKeeper } from "./token-keeper.ts";

export interface ChangeTakers {
  readonly records: FleetRecords;
  readonly board: StatusBoard;
  readonly chooser: Chooser;
  readonly tokens: TokenKeeper;
  readonly bundles: BundleCache;
  readonly desk: NodeDesk;
}

/** So long all nodes are left alone for an envelope: else each would be looked at twice, first for nothing. */
const MOST_EXPECTED_MS = 250;

/** Records have changed: tells those whom it concerns, and has the nodes looked at that may now be told something else. */
export function handOnChanges(changed: readonly RecordName[], takers: ChangeTakers): void {
  const { board, chooser, tokens, desk } = takers;
  const kinds = new Set<RecordKind>();
  for (const { kind, id } of changed) {
    kinds.add(kind);
    if (kind === "status") {
      board.follow(id);
      desk.onStatus(id);
    } else if (kind === "override" || kind === "inventory") desk.look([id]);
    else if (kind === "tokens") tokens.onChange();
    if (kind !== "status" && kind !== "server" && kind !== "controller") chooser.forget();
  }
  const isRollout = kinds.has("spec") || kinds.has("state");
  if (!isRollout && !kinds.has("channel")) return;
  const coming = expectBundles(changed, takers);
  // A halt waits for nothing.
  if (isRollout || coming.length === 0) desk.lookAll();
  else lookAllAfter(coming, desk);
}

function lookAllAfter(coming: readonly Promise<void>[], { lookAll }: NodeDesk): void {
  const timer = setTimeout(lookAll, MOST_EXPECTED_MS).unref();
  void Promise.all(coming).then(() => {
    clearTimeout(timer);
    lookAll();
  });
}

/**
 * More are not expected at once: at the start, and where all is listed anew, everything has changed, and what nobody needs
 * would take the place of what nodes do.
 */
const MOST_EXPECTED = 8;

/** Envelopes that nodes are about to be sent, where they are not here yet. */
function expectBundles(
  changed: readonly RecordName[],
  { records: { channel, spec, state }, bundles }: ChangeTakers,
): readonly Promise<void>[] {
  const named = changed.flatMap(({ kind, id }) => {
    const value = kind === "channel" ? channel.get(id)?.value : undefined;
    const isOver = isEnded(state.get(id)?.value ?? { phase: "done" });
    const to = kind === "spec" && !isOver ? spec.get(id)?.value.to : undefined;
    return [...(value ? listStable(value) : []), ...(to ? [to] : [])];
  });
  const digests = new Set(named.map(({ digest }) => digest));
  return [...digests].slice(0, MOST_EXPECTED).flatMap((digest) => bundles.expect(digest) ?? []);
}
