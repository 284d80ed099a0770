import type { WatchedRegistry } from "./evidence-report.ts";
import { mirrorHost, upstreamHost } from "./registry-hosts.ts";
import {
  CODE_CLASSES,
  type CodeClass,
  codeClassOf,
  type RegistryRequest,
  type RequestKind,
} from "./registry-request.ts";

type CountedRole = "mirror" | "upstream";

/** Requests of one registry by host and role; hosts that the configuration does not name count as `other`. */
export interface RequestTally {
  /** By role and host. */
  readonly cells: Map<string, Cell>;
  /** Grows with every request, so that a text made of the counts can be kept while it stays. */
  changes: number;
}

interface Cell {
  readonly host: string;
  readonly role: CountedRole;
  /** By kind, then by class of the code. */
  readonly counts: number[];
}

export interface RequestCount {
  readonly host: string;
  readonly role: CountedRole;
  readonly kind: RequestKind;
  readonly codeClass: CodeClass;
  readonly count: number;
}

const KINDS: readonly RequestKind[] = ["manifest", "blob", "token"];
const OTHER = "other";

/** All that the configuration makes possible, at 0; what was counted before for hosts that stay goes on. */
export function createRequestTally(
  watched: WatchedRegistry | undefined,
  before: RequestTally | undefined,
): RequestTally {
  const tally: RequestTally = { cells: new Map(), changes: 0 };
  const open = (role: CountedRole, host: string) => {
    const key = cellKey(role, host);
    tally.cells.set(key, before?.cells.get(key) ?? newCell(role, host));
  };
  for (const url of watched?.mirrors ?? []) open("mirror", mirrorHost(url));
  const upstream = watched === undefined ? undefined : upstreamHost(watched);
  if (upstream !== undefined) open("upstream", upstream);
  for (const role of ["mirror", "upstream"] as const)
    if (before?.cells.has(cellKey(role, OTHER))) open(role, OTHER);
  return tally;
}

/** Requests to the witness are ours and count as nobody's. */
export function countRequest(tally: RequestTally, { role, host, kind, status }: RegistryRequest): void {
  if (role === "witness") return;
  tally.changes++;
  const { cells } = tally;
  const cell = cells.get(cellKey(role, host)) ?? otherCell(cells, role);
  const index = KINDS.indexOf(kind) * CODE_CLASSES.length + CODE_CLASSES.indexOf(codeClassOf(status));
  cell.counts[index] = (cell.counts[index] ?? 0) + 1;
}

export function listRequestCounts({ cells }: RequestTally): readonly RequestCount[] {
  return [...cells.values()].flatMap(({ host, role, counts }) =>
    KINDS.flatMap((kind, row) =>
      CODE_CLASSES.map((codeClass, column) => {
        const count = counts[row * CODE_CLASSES.length + column] ?? 0;
        return { host, role, kind, codeClass, count };
      }),
    ),
  );
}

function otherCell(cells: Map<string, Cell>, role: CountedRole): Cell {
  const key = cellKey(role, OTHER);
  const cell = cells.get(key) ?? newCell(role, OTHER);
  cells.set(key, cell);
  return cell;
}

function newCell(role: CountedRole, host: string): Cell {
  return { host, role, counts: new Array(KINDS.length * CODE_CLASSES.length).fill(0) };
}

function cellKey(role: CountedRole, host: string): string {
  return `${role} ${host}`;
}
