/** Keys by their length in bytes, to be compared with what is on the wire without making a text of that. */
export type KeyTable = readonly (readonly Key[] | undefined)[];

interface Key {
  readonly text: string;
  readonly bytes: Uint8Array;
}

export function createKeyTable(keys: readonly string[]): KeyTable {
  const table: Key[][] = [];
  for (const text of keys) {
    const bytes = new TextEncoder().encode(text);
    table[bytes.length] = [...(table[bytes.length] ?? []), { text, bytes }];
  }
  return table;
}

/** The key that these bytes are; "" for none of the table. */
export function findKey(table: KeyTable, bytes: Uint8Array, at: number, length: number): string {
  const candidates = table[length];
  if (candidates === undefined) return "";
  for (const { text, bytes: wanted } of candidates) {
    let same = 0;
    while (same < length && bytes[at + same] === wanted[same]) same++;
    if (same === length) return text;
  }
  return "";
}
