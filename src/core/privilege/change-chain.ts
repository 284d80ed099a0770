/** One change of a file, by digests; null: there was no file. */
export interface Change {
  readonly before: string | null;
  readonly after: string | null;
  /** Permission bits before. */
  readonly mode?: number;
}

/** Changes that follow one upon the other, the oldest first: each starts from what the one before it has left. */
export type ChangeChain = readonly Change[];

/** No agent needs more: a rollback goes back one restart. */
const MAX_CHANGES = 16;

/** With one more change; one that starts from something else begins anew, for others have written in between. */
export function withChange(chain: ChangeChain, change: Change): ChangeChain {
  if (change.before === change.after) return chain;
  const kept = settled(chain, change.before);
  return [...kept, change].slice(-MAX_CHANGES);
}

/**
 * The change that `digest` was before, if going back to it takes away nothing but our own changes: every state from
 * there to the current one is ours. Undefined otherwise.
 */
export function findWayBack(
  chain: ChangeChain,
  current: string | null,
  digest: string | null,
): Change | undefined {
  return settled(chain, current).findLast(({ before }) => before === digest);
}

/** The changes that have led to `current`: the last one may have been cut off before it was made. */
function settled(chain: ChangeChain, current: string | null): ChangeChain {
  const last = chain.at(-1);
  if (last?.after === current) return chain;
  return last?.before === current ? chain.slice(0, -1) : [];
}

/** After `change` was undone. */
export function withoutChange(chain: ChangeChain, change: Change): ChangeChain {
  return chain.slice(0, chain.indexOf(change));
}
