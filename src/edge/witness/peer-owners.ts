import { open } from "node:fs/promises";
import { endianness } from "node:os";

/** The far end of a connection to us, from the same machine. */
export interface Peer {
  readonly address: string;
  readonly port: number;
}

/** Tells whose sockets are connected to us. */
export interface PeerOwners {
  /** The user that owns the peer's socket; undefined when that cannot be told, because it is closed already. */
  ownerOf(peer: Peer): Promise<number | undefined>;
  /** The connection is gone: the answer is undefined, unless it has been given. */
  forget(peer: Peer): void;
}

interface Question {
  tries: number;
  readonly answer: (uid: number | undefined) => void;
}

/** A socket may move within the table while it is read. */
const MAX_TRIES = 3;

/**
 * Looks peers up in the kernel's table of sockets, which is long on a busy node, and as long as some user makes it. One
 * reading answers all who asked before it began, and readings have a budget of time.
 */
export function createPeerOwners(local: Peer): PeerOwners {
  const questions = new Map<string, Question>();
  const budget = createReadingBudget();
  let busy = false;
  const settle = (key: string, uid: number | undefined): void => {
    questions.get(key)?.answer(uid);
    questions.delete(key);
  };
  const readOnce = async (): Promise<void> => {
    const asked = [...questions.entries()];
    const startedMs = performance.now();
    const owners = await readOwners(local, new Set(asked.map(([key]) => key)));
    budget.spend(performance.now() - startedMs);
    for (const [key, question] of asked) {
      if (questions.get(key) !== question) continue;
      const uid = owners.get(key);
      question.tries++;
      if (uid !== undefined || question.tries === MAX_TRIES) settle(key, uid);
    }
  };
  const read = async (): Promise<void> => {
    busy = true;
    while (questions.size > 0) {
      const waitMs = budget.waitMs();
      if (waitMs > 0) await sleep(waitMs);
      await readOnce();
    }
    busy = false;
  };
  return {
    ownerOf: (peer) =>
      new Promise((answer) => {
        const key = encodeEnd(peer);
        settle(key, undefined);
        questions.set(key, { tries: 0, answer });
        if (!busy) void read();
      }),
    forget: (peer) => settle(encodeEnd(peer), undefined),
  };
}

/** Half the time of one processor while there is a flood; pulls come nowhere near it. */
const SHARE_OF_TIME = 0.5;
const MAX_SAVED_MS = 1000;

function createReadingBudget() {
  let leftMs = MAX_SAVED_MS;
  let atMs = performance.now();
  const earn = (): void => {
    const nowMs = performance.now();
    leftMs = Math.min(MAX_SAVED_MS, leftMs + (nowMs - atMs) * SHARE_OF_TIME);
    atMs = nowMs;
  };
  return {
    spend(ms: number): void {
      earn();
      leftMs -= ms;
    },
    waitMs(): number {
      earn();
      return leftMs > 0 ? 0 : -leftMs / SHARE_OF_TIME;
    },
  };
}

const TABLE = "/proc/net/tcp";
/** Some 400,000 sockets; whoever is not among them counts as unknown. */
const MAX_BYTES = 64 * 2 ** 20;

/**
 * Owners of the wanted peers' ends of connections to `local`, by `encodeEnd`. Only sockets that are connected and
 * still held by a process: the kernel shows user 0 for those that nobody holds any more.
 * Format: https://www.kernel.org/doc/Documentation/networking/proc_net_tcp.txt
 */
async function readOwners(local: Peer, wanted: ReadonlySet<string>): Promise<ReadonlyMap<string, number>> {
  const owners = new Map<string, number>();
  const marker = ` ${encodeEnd(local)} ${ESTABLISHED} `;
  try {
    await forEachLine(TABLE, (line) => {
      if (!line.includes(marker)) return true;
      const [, peer = "", , , , , , uid, , inode] = line.trim().split(/\s+/);
      if (wanted.has(peer) && inode !== "0") owners.set(peer, Number(uid));
      return owners.size < wanted.size;
    });
  } catch {
    // No /proc: nobody is known, and nothing is counted.
  }
  return owners;
}

const ESTABLISHED = "01";

/** Until `see` says that it has seen enough. */
async function forEachLine(path: string, see: (line: string) => boolean): Promise<void> {
  const file = await open(path, "r");
  try {
    const buffer = Buffer.alloc(64 * 1024);
    let rest = "";
    for (let total = 0; total < MAX_BYTES; ) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return;
      total += bytesRead;
      const lines = (rest + buffer.toString("latin1", 0, bytesRead)).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (!see(line)) return;
    }
  } finally {
    await file.close();
  }
}

/** As in the table: the address as the machine holds it in memory, and the port, in hex. */
function encodeEnd({ address, port }: Peer): string {
  const bytes = Buffer.from(address.split(".").map(Number));
  const word = endianness() === "LE" ? bytes.readUInt32LE() : bytes.readUInt32BE();
  const hex = (value: number, width: number): string => value.toString(16).toUpperCase().padStart(width, "0");
  return `${hex(word, 8)}:${hex(port, 4)}`;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
