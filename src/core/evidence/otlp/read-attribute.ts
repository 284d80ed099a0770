import { createKeyTable, findKey, type KeyTable } from "./key-table.ts";
import { type Cursor, enter, leave, readLength, readTag, readText, readVarint, skip } from "./wire.ts";

export interface Attribute {
  readonly key: string;
  /** Undefined: none of the keys, or neither a text nor a whole number. */
  readonly value: string | number | undefined;
}

const KEY = (1 << 3) | 2;
const VALUE = (2 << 3) | 2;
const STRING_VALUE = (1 << 3) | 2;
const INT_VALUE = 3 << 3;

const unwanted: Attribute = { key: "", value: undefined };

/** A KeyValue, if its key is one of `keys`; its fields come in any order. */
export function readAttribute(cursor: Cursor, keys: KeyTable, maxTextBytes: number): Attribute {
  const outer = enter(cursor);
  let key = "";
  let valueAt = -1;
  while (cursor.at < cursor.end) {
    const tag = readTag(cursor);
    if (tag === KEY) {
      const length = readLength(cursor);
      key = findKey(keys, cursor.bytes, cursor.at, length);
      cursor.at += length;
    } else {
      if (tag === VALUE) valueAt = cursor.at;
      skip(cursor, tag);
    }
  }
  let found = unwanted;
  if (key !== "" && valueAt !== -1) {
    cursor.at = valueAt;
    found = { key, value: readAnyValue(cursor, maxTextBytes) };
  }
  leave(cursor, outer);
  return found;
}

function readAnyValue(cursor: Cursor, maxTextBytes: number): string | number | undefined {
  const outer = enter(cursor);
  let value: string | number | undefined;
  while (cursor.at < cursor.end) {
    const tag = readTag(cursor);
    if (tag === STRING_VALUE) value = readText(cursor, maxTextBytes);
    else if (tag === INT_VALUE) value = readVarint(cursor);
    else skip(cursor, tag);
  }
  leave(cursor, outer);
  return value;
}

const serviceKeys = createKeyTable(["service.name"]);
const RESOURCE_ATTRIBUTE = (1 << 3) | 2;

/** `service.name` of a Resource; "" when it has none. */
export function readServiceName(cursor: Cursor): string {
  const outer = enter(cursor);
  let name = "";
  while (cursor.at < cursor.end) {
    const tag = readTag(cursor);
    if (tag === RESOURCE_ATTRIBUTE) name = String(readAttribute(cursor, serviceKeys, 256).value ?? name);
    else skip(cursor, tag);
  }
  leave(cursor, outer);
  return name;
}
