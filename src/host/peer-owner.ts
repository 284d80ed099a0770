import { setTimeout as delay } from "node:timers/promises";
import { entriesOf, type PeerAddresses, readOwners, type TableEntry } from "./connection-table.ts";

/** Tells whose processes hold the other ends of connections over loopback. */
export interface PeerOwners {
  /**
   * The user; undefined when the peer is not on loopback, its end is closed, or it cannot be known. A second question
   * about the same two ends is about a new connection: the first one is answered with undefined.
   */
  ownerOf(peer: PeerAddresses): Promise<number | undefined>;
  /** The connection is gone: the answer is undefined, unless it has been given. */
  forget(peer: PeerAddresses): void;
}

interface Question {
  readonly entries: readonly TableEntry[];
  readonly answer: (uid: number | undefined) => void;
  tries: number;
}

/** A socket may move within the table while it is read. */
const MAX_TRIES = 3;

/**
 * Looks peers up in the kernel's tables of connections, which are long on a busy node, and as long as some user makes
 * them. One reading answers all who asked before it began. Readings take `shareOfTime` of the time at most, once what
 * a second without any has saved is used up.
 */
export function createPeerOwners(shareOfTime = 0.2): PeerOwners {
  const questions = new Map<string, Question>();
  const budget = createReadingBudget(shareOfTime);
  let isReading = false;
  const settle = (key: string, uid: number | undefined): void => {
    questions.get(key)?.answer(uid);
    questions.delete(key);
  };
  const readOnce = async (): Promise<void> => {
    const asked = [...questions];
    const startMs = performance.now();
    const owners = await readOwners(asked.map(([, { entries }]) => entries));
    budget.spend(performance.now() - startMs);
    for (const [i, [key, question]] of asked.entries()) {
      if (questions.get(key) !== question) continue;
      question.tries++;
      if (owners[i] !== undefined || question.tries === MAX_TRIES) settle(key, owners[i]);
    }
  };
  const read = async (): Promise<void> => {
    isReading = true;
    while (questions.size > 0) {
      const waitMs = budget.waitMs();
      if (waitMs > 0) await delay(waitMs);
      await readOnce();
    }
    isReading = false;
  };
  return {
    ownerOf(peer) {
      const entries = entriesOf(peer);
      if (entries.length === 0) return Promise.resolve(undefined);
      return new Promise((answer) => {
        const key = keyOf(peer);
        settle(key, undefined);
        questions.set(key, { entries, answer, tries: 0 });
        if (!isReading) void read();
      });
    },
    forget: (peer) => settle(keyOf(peer), undefined),
  };
}

function keyOf({ localAddress, localPort, remoteAddress, remotePort }: PeerAddresses): string {
  return `${remoteAddress}:${remotePort} ${localAddress}:${localPort}`;
}

const SAVED_FOR_MS = 1000;

function createReadingBudget(shareOfTime: number) {
  const maxLeftMs = SAVED_FOR_MS * shareOfTime;
  let leftMs = maxLeftMs;
  let atMs = performance.now();
  const earn = (): void => {
    const nowMs = performance.now();
    leftMs = Math.min(maxLeftMs, leftMs + (nowMs - atMs) * shareOfTime);
    atMs = nowMs;
  };
  return {
    spend(ms: number): void {
      earn();
      leftMs -= ms;
    },
    waitMs(): number {
      earn();
      return leftMs > 0 ? 0 : -leftMs / shareOfTime;
    },
  };
}
