import type { Change, Entry, Listing } from "./engine.ts";

/** The keys of a prefix as far as they are known here, and how far that is. Keeps no clock. */
export interface Replica {
  readonly entries: ReadonlyMap<string, Entry>;
  revision(): number;
  /** When the engine was asked that is known to have had nothing newer than this. -Infinity: never. */
  provenMs(): number;
  /** Since when the engine has been known to be ahead; 0: it is not. */
  behindMs(nowMs: number): number;
  /** Becomes the listing; what that changed. */
  adopt(listing: Listing, askedMs: number): readonly Change[];
  /** What a watch tells. */
  apply(changes: readonly Change[], revision: number): void;
  /** The engine was at this revision when, or after, it was asked. */
  expect(revision: number, askedMs: number): void;
  /** Makes good for what differs from a listing and is not newer than it; what that was. */
  repair(listing: Listing): readonly Change[];
  /** Between the two calls deletions are kept in mind, which `repair` needs. */
  rememberDeletions(): () => void;
}

export function createReplica(): Replica {
  const entries = new Map<string, Entry>();
  let revision = 0;
  let provenMs = Number.NEGATIVE_INFINITY;
  /** Asked of the engine and not yet reached, oldest first. */
  let expected: { readonly revision: number; readonly askedMs: number }[] = [];
  let deletions: Map<string, number> | undefined;
  const applyOne = (change: Change): void => {
    if (change.kind === "put") entries.set(change.entry.key, change.entry);
    else {
      entries.delete(change.key);
      deletions?.set(change.key, change.modRevision);
    }
  };
  const reach = (reached: number): void => {
    revision = Math.max(revision, reached);
    for (const { revision: wanted, askedMs } of expected)
      if (wanted <= revision) provenMs = Math.max(provenMs, askedMs);
    expected = expected.filter(({ revision: wanted }) => wanted > revision);
  };
  return {
    entries,
    revision: () => revision,
    provenMs: () => provenMs,
    behindMs: (nowMs) => (expected[0] === undefined ? 0 : nowMs - expected[0].askedMs),
    adopt(listing, askedMs) {
      const changes = differences(entries, listing, () => true);
      for (const change of changes) applyOne(change);
      // Not the greater of both: the store may have been replaced by an older one.
      ({ revision } = listing);
      provenMs = askedMs;
      expected = [];
      return changes;
    },
    apply(changes, reached) {
      for (const change of changes) applyOne(change);
      reach(reached);
    },
    expect(wanted, askedMs) {
      expected.push({ revision: wanted, askedMs });
      // As many as are asked while a watch is stuck, at most: the oldest tells since when.
      if (expected.length > MOST_EXPECTED) expected.splice(1, 1);
      reach(revision);
    },
    repair(listing) {
      const isSettled = (key: string): boolean =>
        (entries.get(key)?.modRevision ?? deletions?.get(key) ?? 0) <= listing.revision;
      const changes = differences(entries, listing, isSettled);
      for (const change of changes) applyOne(change);
      return changes;
    },
    rememberDeletions() {
      deletions = new Map();
      return () => {
        deletions = undefined;
      };
    },
  };
}

const MOST_EXPECTED = 16;

function differences(
  entries: ReadonlyMap<string, Entry>,
  listing: Listing,
  isSettled: (key: string) => boolean,
): readonly Change[] {
  const listed = new Map(listing.entries.map((entry) => [entry.key, entry]));
  const puts = listing.entries
    .filter((entry) => !isSame(entries.get(entry.key), entry))
    .map((entry): Change => ({ kind: "put", entry }));
  const deletes = [...entries.keys()]
    .filter((key) => !listed.has(key))
    .map((key): Change => ({ kind: "delete", key, modRevision: listing.revision }));
  return [...deletes, ...puts].filter((change) =>
    isSettled(change.kind === "put" ? change.entry.key : change.key),
  );
}

/** Of one store the revision says it; after that was replaced, the value has to be looked at too. */
function isSame(known: Entry | undefined, { modRevision, createRevision, value }: Entry): boolean {
  if (known?.modRevision !== modRevision || known.createRevision !== createRevision) return false;
  return Buffer.compare(known.value, value) === 0;
}
