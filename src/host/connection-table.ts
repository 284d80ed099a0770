import { type FileHandle, open } from "node:fs/promises";
import { endianness } from "node:os";

/** Both ends of a connection as the accepting side sees them; a `net.Socket` is one. */
export interface PeerAddresses {
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/** Where the peer's end of a connection stands, if it is there: its address, and ours as its other end. */
export interface TableEntry {
  readonly table: Table;
  readonly theirs: string;
  readonly ours: string;
}

const TABLES = ["tcp", "tcp6"] as const;
type Table = (typeof TABLES)[number];

/**
 * None where one of the ends is not on loopback. Two for IPv4: such a connection may be made with an IPv6 socket, which
 * is then in the other table.
 */
export function entriesOf(peer: PeerAddresses): readonly TableEntry[] {
  const { localAddress = "", localPort = 0, remoteAddress = "", remotePort = 0 } = peer;
  const entry = (format: (address: string) => string | undefined, table: Table): readonly TableEntry[] => {
    const [theirs, ours] = [format(remoteAddress), format(localAddress)];
    if (theirs === undefined || ours === undefined) return [];
    return [{ table, theirs: `${theirs}:${hexPort(remotePort)}`, ours: `${ours}:${hexPort(localPort)}` }];
  };
  return [...entry(hexIpv4, "tcp"), ...entry(hexIpv6, "tcp6")];
}

/**
 * The users whose processes hold these ends, in the order of what is wanted; undefined for what is not there, is not
 * established, or is held by nobody: kernels say user 0 of a closed end, at once or in TIME_WAIT, whoever it was.
 * Format: https://docs.kernel.org/networking/proc_net_tcp.html
 */
export async function readOwners(
  wanted: readonly (readonly TableEntry[])[],
): Promise<readonly (number | undefined)[]> {
  const owners: (number | undefined)[] = wanted.map(() => undefined);
  for (const table of TABLES) {
    const search = createSearch(table, wanted, owners);
    if (!search.isDone()) await scan(table, search);
  }
  return owners;
}

/** Looks for several ends in a table at once, a piece of text at a time, in a time that does not grow with their number. */
interface Search {
  feed(bytes: Buffer): void;
  isDone(): boolean;
}

function createSearch(
  table: Table,
  wanted: readonly (readonly TableEntry[])[],
  owners: (number | undefined)[],
): Search {
  /** By our end, of which there are few: their ends, and whose question it is. */
  const missing = new Map<string, Map<string, number>>();
  for (const [i, entries] of wanted.entries()) {
    for (const { theirs, ours } of entries.filter((entry) => entry.table === table)) {
      if (owners[i] !== undefined) continue;
      const marker = ` ${ours} ${ESTABLISHED} `;
      missing.set(marker, (missing.get(marker) ?? new Map<string, number>()).set(theirs, i));
    }
  }
  const look = (lines: string, marker: string, peers: Map<string, number>): void => {
    for (let at = lines.indexOf(marker); at !== -1; at = lines.indexOf(marker, at + 1)) {
      const theirs = lines.slice(lines.lastIndexOf(" ", at - 1) + 1, at);
      const i = peers.get(theirs);
      const owner = i === undefined ? undefined : readOwner(lines, at + marker.length);
      if (i === undefined || owner === undefined) continue;
      owners[i] = owner;
      peers.delete(theirs);
    }
    if (peers.size === 0) missing.delete(marker);
  };
  let rest = "";
  return {
    feed(bytes) {
      const text = rest + bytes.toString("latin1");
      const end = text.lastIndexOf("\n") + 1;
      rest = text.slice(end);
      for (const [marker, peers] of missing) look(text.slice(0, end), marker, peers);
    },
    isDone: () => missing.size === 0,
  };
}

const ESTABLISHED = "01";
// After the state: queues, timer, retransmits, uid, timeout, inode.
const AFTER_STATE = /\S+ +\S+ +\S+ +(\d+) +\d+ +(\d+)/y;

function readOwner(lines: string, at: number): number | undefined {
  AFTER_STATE.lastIndex = at;
  const [, uid, inode] = AFTER_STATE.exec(lines) ?? [];
  // Without an inode no process holds it, and the uid says nothing.
  return uid === undefined || inode === "0" ? undefined : Number(uid);
}

/** Of a table; 400,000 connections. What is not found below it is not found. */
const MAX_BYTES = 64 * 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;

async function scan(table: Table, search: Search): Promise<void> {
  const buffer = Buffer.alloc(CHUNK_BYTES);
  let file: FileHandle | undefined;
  try {
    file = await open(`/proc/self/net/${table}`);
    for (let total = 0; total < MAX_BYTES && !search.isDone(); ) {
      const { bytesRead } = await file.read(buffer);
      if (bytesRead === 0) return;
      search.feed(buffer.subarray(0, bytesRead));
      total += bytesRead;
    }
  } catch {
    // No /proc, or no IPv6: nobody is found.
  } finally {
    await file?.close();
  }
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
