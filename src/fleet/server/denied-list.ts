import { isNodeName } from "../../core/signing/selector.ts";

/** Nodes, and single certificates, that are turned away though their certificates are good. */
export interface DeniedList {
  readonly nodes: ReadonlySet<string>;
  /** Serial numbers, hexadecimal in upper case without leading zeros. */
  readonly serials: ReadonlySet<string>;
}

export const NONE_DENIED: DeniedList = { nodes: new Set(), serials: new Set() };

export type DeniedResult =
  | { readonly ok: true; readonly list: DeniedList }
  | { readonly ok: false; readonly message: string };

const MOST = 100_000;

/** One a line: the id of a node, or `serial:1A:2B`; `#` begins a comment. What is not understood refuses the whole. */
export function parseDeniedList(text: string): DeniedResult {
  const nodes = new Set<string>();
  const serials = new Set<string>();
  const lines = text.split("\n");
  if (lines.length > MOST) return { ok: false, message: `it has more than ${MOST} lines` };
  for (const [index, line] of lines.entries()) {
    const entry = line.replace(/#.*/, "").trim();
    const serial = /^serial:((?:[0-9A-Fa-f]{1,2}:?)+)$/.exec(entry)?.[1];
    if (serial !== undefined) serials.add(normalSerial(serial));
    else if (isNodeName(entry)) nodes.add(entry);
    else if (entry !== "")
      return { ok: false, message: `line ${index + 1} is neither a node's id nor serial:HEX` };
  }
  return { ok: true, list: { nodes, serials } };
}

export function isDenied(list: DeniedList, node: string, serial: string): boolean {
  return list.nodes.has(node) || list.serials.has(normalSerial(serial));
}

function normalSerial(serial: string): string {
  return serial.replaceAll(":", "").toUpperCase().replace(/^0+/, "");
}
