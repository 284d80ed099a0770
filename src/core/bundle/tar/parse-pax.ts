/** The records of a pax header that matter here; the last one of a key counts, an empty value takes it back. */
export interface PaxRecords {
  readonly path?: string;
  readonly linkpath?: string;
  readonly size?: number;
}

/** `why` completes "a pax header …". */
export type PaxResult =
  | { readonly ok: true; readonly records: PaxRecords }
  | { readonly ok: false; readonly why: string };

/** Reads records of `LENGTH KEY=VALUE\n`, LENGTH being that of all of it. */
export function parsePax(bytes: Uint8Array): PaxResult {
  const values = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const record = readRecord(bytes, at);
    if (record === undefined) return { ok: false, why: "has a record that is not in order" };
    if (record.key.startsWith("GNU.sparse.")) return { ok: false, why: SPARSE };
    values.set(record.key, record.value);
    at = record.end;
  }
  const [path, linkpath, size] = ["path", "linkpath", "size"].map((key) => values.get(key) || undefined);
  if (size !== undefined && !(/^\d+$/.test(size) && Number.isSafeInteger(Number(size))))
    return { ok: false, why: `has a size that is no number of bytes: ${JSON.stringify(size.slice(0, 40))}` };
  if ([path, linkpath].some((name) => name?.includes("\0")))
    return { ok: false, why: "has a path with a NUL" };
  return {
    ok: true,
    records: {
      ...(path === undefined ? {} : { path }),
      ...(linkpath === undefined ? {} : { linkpath }),
      ...(size === undefined ? {} : { size: Number(size) }),
    },
  };
}

export const SPARSE = "makes a sparse file; pack the archive without --sparse";

/** Digits of a length: headers are small. */
const MAX_DIGITS = 8;

function readRecord(bytes: Uint8Array, at: number) {
  const space = bytes.subarray(at, at + MAX_DIGITS + 1).indexOf(0x20);
  const digits = space === -1 ? "" : decoder.decode(bytes.subarray(at, at + space));
  if (!/^\d+$/.test(digits)) return undefined;
  const end = at + Number(digits);
  if (end <= at + space + 1 || end > bytes.length || bytes[end - 1] !== 0x0a) return undefined;
  const body = decoder.decode(bytes.subarray(at + space + 1, end - 1));
  const equals = body.indexOf("=");
  return equals < 1 ? undefined : { key: body.slice(0, equals), value: body.slice(equals + 1), end };
}

const decoder = new TextDecoder();
