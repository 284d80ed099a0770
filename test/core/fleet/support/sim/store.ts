/** What the engine keeps of one key. */
export interface Stored {
  readonly value: unknown;
  readonly revision: number;
}

interface Change extends Stored {
  readonly key: string;
}

/** An engine in memory: every change has a revision, replicas see them in order and as late as the test likes. */
export class Store {
  readonly changes: Change[] = [];
  readonly #now = new Map<string, Stored>();
  revision = 0;

  get<T>(key: string): T | undefined {
    return this.#now.get(key)?.value as T | undefined;
  }

  revisionOf(key: string): number {
    return this.#now.get(key)?.revision ?? 0;
  }

  /** All or nothing: every key of `compare` has that revision still. */
  txn(compare: Readonly<Record<string, number>>, puts: Readonly<Record<string, unknown>>): boolean {
    if (Object.entries(compare).some(([key, revision]) => this.revisionOf(key) !== revision)) return false;
    this.revision++;
    for (const [key, value] of Object.entries(puts)) {
      const change = { key, value, revision: this.revision };
      if (value === undefined) this.#now.delete(key);
      else this.#now.set(key, change);
      this.changes.push(change);
    }
    return true;
  }

  *under<T>(prefix: string): Iterable<T> {
    for (const [key, { value }] of this.#now) if (key.startsWith(prefix)) yield value as T;
  }
}

export class Replica {
  readonly #store: Store;
  readonly #values = new Map<string, Stored>();
  #next = 0;
  freshMs = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Sees at most so many changes more. */
  follow(most: number, nowMs: number): void {
    const end = Math.min(this.#store.changes.length, this.#next + most);
    for (; this.#next < end; this.#next++) {
      const change = this.#store.changes[this.#next];
      if (change === undefined) break;
      if (change.value === undefined) this.#values.delete(change.key);
      else this.#values.set(change.key, change);
    }
    if (this.#next === this.#store.changes.length) this.freshMs = nowMs;
  }

  get<T>(key: string): T | undefined {
    return this.#values.get(key)?.value as T | undefined;
  }

  revisionOf(key: string): number {
    return this.#values.get(key)?.revision ?? 0;
  }

  *under<T>(prefix: string): Iterable<T> {
    for (const [key, { value }] of this.#values) if (key.startsWith(prefix)) yield value as T;
  }

  *keys(prefix: string): Iterable<string> {
    for (const key of this.#values.keys()) if (key.startsWith(prefix)) yield key;
  }
}
