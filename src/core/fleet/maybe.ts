import type { RecordReader } from "./record-reader.ts";

/** An object with `key`, or an empty one where the record has none. */
export function maybe<K extends string, T>(
  key: K,
  reader: RecordReader,
  read: () => T | undefined,
): { readonly [P in K]?: T } {
  const value = reader.optional(key, read);
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]?: T });
}
