import type { NodeStatus, Offer } from "../../core/fleet/node-status.ts";
import { isFinal } from "../../core/fleet/phase.ts";
import type { FleetRecords } from "../store/fleet-records.ts";
import { keyOf } from "../store/record-name.ts";

/** A status, or that there is none that can be read; `modRevision` is what a write compares. */
export interface KnownStatus {
  readonly status?: NodeStatus;
  readonly modRevision: number;
}

/**
 * The newest that is known of nodes: by the records that are followed, or by what this server has written itself, which
 * comes back to it only a moment later.
 */
export interface StatusBoard {
  latest(node: string): KnownStatus;
  /** What was written, or read, by this server. */
  learn(node: string, known: KnownStatus): void;
  /** The records have another one of this node. */
  follow(node: string): void;
  /** Offers whose tokens `server` holds, by node; answered ones are left out. */
  offersOf(server: string): Iterable<Offer>;
  /** Another one whenever `offersOf` may be. */
  version(): number;
}

export function createStatusBoard(fleet: string, records: FleetRecords): StatusBoard {
  const own = new Map<string, KnownStatus>();
  const offers = new Map<string, Map<string, Offer>>();
  const owners = new Map<string, string>();
  const followed = (node: string): KnownStatus => {
    const stored = records.status.get(node);
    if (stored !== undefined) return { status: stored.value, modRevision: stored.modRevision };
    const broken = records.broken.get(keyOf(fleet, { kind: "status", id: node }));
    return { modRevision: broken?.modRevision ?? 0 };
  };
  const latest = (node: string): KnownStatus => {
    const mine = own.get(node);
    const theirs = followed(node);
    return mine !== undefined && mine.modRevision > theirs.modRevision ? mine : theirs;
  };
  let version = 0;
  const index = (node: string): void => {
    version++;
    const owner = owners.get(node);
    if (owner !== undefined) offers.get(owner)?.delete(node);
    owners.delete(node);
    const { offer } = latest(node).status ?? {};
    if (offer?.owner === undefined || isFinal(offer.phase)) return;
    owners.set(node, offer.owner);
    const ofOwner = offers.get(offer.owner) ?? new Map<string, Offer>();
    offers.set(offer.owner, ofOwner.set(node, offer));
  };
  for (const node of records.status.keys()) index(node);
  return {
    latest,
    learn(node, known) {
      own.set(node, known);
      index(node);
    },
    follow(node) {
      const mine = own.get(node);
      const theirs = followed(node);
      // Gone from the records: somebody has taken it out.
      if (mine !== undefined && (theirs.modRevision >= mine.modRevision || theirs.modRevision === 0))
        own.delete(node);
      index(node);
    },
    offersOf: (server) => offers.get(server)?.values() ?? [],
    version: () => version,
  };
}
