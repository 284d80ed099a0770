import { closeSync, openSync, readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { endianness } from "node:os";
import { setTimeout as delay } from "node:timers/promises";

/** Both ends of a connection as the accepting side sees them; a `net.Socket` is one. */
export interface PeerAddresses {
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/**
 * The user whose process holds the other end of a connection over loopback. Undefined: the peer is not on loopback,
 * its end is closed (kernels then say uid 0, at once or in TIME_WAIT, whoever it was), or it cannot be known. Reads
 * the kernel's table of connections, which takes milliseconds and on a busy node tens of them: not for an event loop
 * that others wait for.
 * Source: https://docs.kernel.org/networking/proc_net_tcp.html
 */
export function ownerOfPeer(peer: PeerAddresses): number | undefined {
  const search = createSearch([peer]);
  for (const table of TABLES) if (!search.isDone(table)) scanNow(table, search);
  return search.owners()[0];
}

/**
 * The same for a listener that anybody on the node may flood with connections: all that wait are looked up in one
 * reading of the table, outside the event loop, and reading takes at most a fifth of the time.
 */
export function createPeerOwners(): (peer: PeerAddresses) => Promise<number | undefined> {
  let waiting: { peer: PeerAddresses; found: (owner: number | undefined) => void }[] = [];
  let isReading = false;
  const readAll = async (): Promise<void> => {
    isReading = true;
    while (waiting.length > 0) {
      const asked = waiting;
      waiting = [];
      const startMs = performance.now();
      const search = createSearch(asked.map(({ peer }) => peer));
      for (const table of TABLES) if (!search.isDone(table)) await scan(table, search);
      const owners = search.owners();
      for (const [i, { found }] of asked.entries()) found(owners[i]);
      await delay((performance.now() - startMs) * PAUSE_FACTOR);
    }
    isReading = false;
  };
  return (peer) =>
    new Promise((found) => {
      waiting.push({ peer, found });
      if (!isReading) void readAll();
    });
}

const PAUSE_FACTOR = 4;

const TABLES = ["tcp", "tcp6"] as const;
type Table = (typeof TABLES)[number];
/** Of a table; 400,000 connections. What is not found below it is not found. */
const MAX_BYTES = 64 * 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;

/** How the peer's end stands in a table: its address, ours, and the state `01`, established. */
interface Entry {
  readonly table: Table;
  readonly entry: string;
}

/** An IPv4 connection may be made with an IPv6 socket, which is then in the other table. */
function entriesOf(peer: PeerAddresses): readonly Entry[] {
  const { localAddress = "", localPort = 0, remoteAddress = "", remotePort = 0 } = peer;
  const pair = (format: (address: string) => string | undefined, table: Table): readonly Entry[] => {
    const [theirs, ours] = [format(remoteAddress), format(localAddress)];
    if (theirs === undefined || ours === undefined) return [];
    return [{ table, entry: ` ${theirs}:${hexPort(remotePort)} ${ours}:${hexPort(localPort)} 01 ` }];
  };
  return [...pair(hexIpv4, "tcp"), ...pair(hexIpv6, "tcp6")];
}

const LOOPBACK_IPV4 = /^(?:::ffff:)?(127)\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/i;

function hexIpv4(address: string): string | undefined {
  const match = LOOPBACK_IPV4.exec(address);
  return match === null ? undefined : hexWord(match.slice(1).map(Number));
}

function hexIpv6(address: string): string | undefined {
  if (address === "::1") return "0".repeat(24) + hexWord([0, 0, 0, 1]);
  const ipv4 = hexIpv4(address);
  return ipv4 === undefined ? undefined : "0".repeat(16) + hexWord([0, 0, 0xff, 0xff]) + ipv4;
}

/** Four bytes of an address, as the kernel prints a word of this machine. */
function hexWord(bytes: readonly number[]): string {
  const ordered = endianness() === "LE" ? [...bytes].reverse() : bytes;
  return ordered
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("")
    .toUpperCase();
}

function hexPort(port: number): string {
  return port.toString(16).padStart(4, "0").toUpperCase();
}

/** Looks for several peers in the tables at once, a piece of text at a time. */
interface Search {
  /** Takes the next bytes of a table; true: it need not be read further. */
  feed(table: Table, bytes: Uint8Array): boolean;
  isDone(table: Table): boolean;
  /** In the order of the peers. */
  owners(): readonly (number | undefined)[];
}

function createSearch(peers: readonly PeerAddresses[]): Search {
  const owners: (number | undefined)[] = peers.map(() => undefined);
  const wanted = peers.flatMap((peer, i) => entriesOf(peer).map((entry) => ({ ...entry, i })));
  const rest = { tcp: "", tcp6: "" };
  const missing = (table: Table) =>
    wanted.filter((each) => each.table === table && owners[each.i] === undefined);
  return {
    feed(table, bytes) {
      const text = rest[table] + Buffer.from(bytes).toString("latin1");
      const end = text.lastIndexOf("\n") + 1;
      const lines = text.slice(0, end);
      rest[table] = text.slice(end);
      for (const { entry, i } of missing(table)) owners[i] = findOwner(lines, entry);
      return missing(table).length === 0;
    },
    isDone: (table) => missing(table).length === 0,
    owners: () => owners,
  };
}

// After the state: queues, timer, retransmits, uid, timeout, inode.
const AFTER_STATE = /\S+ +\S+ +\S+ +(\d+) +\d+ +(\d+)/y;

function findOwner(lines: string, entry: string): number | undefined {
  const at = lines.indexOf(entry);
  if (at === -1) return undefined;
  AFTER_STATE.lastIndex = at + entry.length;
  const [, uid, inode] = AFTER_STATE.exec(lines) ?? [];
  // Without an inode no process holds it, and the uid says nothing.
  return uid === undefined || inode === undefined || inode === "0" ? undefined : Number(uid);
}

function scanNow(table: Table, search: Search): void {
  const buffer = new Uint8Array(CHUNK_BYTES);
  let file: number | undefined;
  try {
    file = openSync(pathOf(table), "r");
    for (let total = 0; total < MAX_BYTES; ) {
      const length = readSync(file, buffer);
      if (length === 0 || search.feed(table, buffer.subarray(0, length))) return;
      total += length;
    }
  } catch {
    // No /proc, or no IPv6: nobody is found.
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

async function scan(table: Table, search: Search): Promise<void> {
  const buffer = new Uint8Array(CHUNK_BYTES);
  let file: FileHandle | undefined;
  try {
    file = await open(pathOf(table));
    for (let total = 0; total < MAX_BYTES; ) {
      const { bytesRead } = await file.read(buffer);
      if (bytesRead === 0 || search.feed(table, buffer.subarray(0, bytesRead))) return;
      total += bytesRead;
    }
  } catch {
    // As above.
  } finally {
    await file?.close();
  }
}

function pathOf(table: Table): string {
  return `/proc/self/net/${table}`;
}
