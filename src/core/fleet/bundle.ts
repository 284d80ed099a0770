import type { RecordReader } from "./record-reader.ts";

/** A signed desired state, by the sha256 of its exact payload bytes (64 hex digits), and its serial. */
export interface Bundle {
  readonly digest: string;
  readonly serial: number;
}

export function isDigest(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

export function readBundle(reader: RecordReader): Bundle {
  return {
    digest: reader.text("digest", isDigest, "64 hexadecimal digits, lower case"),
    serial: reader.whole("serial", 1, Number.MAX_SAFE_INTEGER),
  };
}
