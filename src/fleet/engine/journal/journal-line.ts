import { createHash } from "node:crypto";

/*
 * The journal's file: lines of a checksum, a space and JSON.
 *
 *   head     first: the format, the revision it begins at, and the last one whose changes are not in it
 *   entry    a key as it was at that revision
 *   lease    a lease as it was then
 *   past     changes up to that revision that watches may still ask for
 *   commit   what was done since, in order; one line is done whole or not at all
 *
 * A line counts once its newline is there, which is written after the rest is on the disk. So whoever reads sees only what
 * cannot be lost, and what a crash leaves behind is at most one line without an end.
 */
export type JournalLine =
  | { readonly kind: "head"; readonly format: 1; readonly revision: number; readonly compacted: number }
  | { readonly kind: "entry"; readonly entry: StoredEntry }
  | { readonly kind: "lease"; readonly lease: string; readonly ttlMs: number }
  | { readonly kind: "past"; readonly revision: number; readonly changes: readonly StoredChange[] }
  | { readonly kind: "commit"; readonly steps: readonly JournalStep[] };

export type JournalStep =
  | { readonly kind: "change"; readonly revision: number; readonly changes: readonly StoredChange[] }
  | { readonly kind: "grant"; readonly lease: string; readonly ttlMs: number }
  | { readonly kind: "end"; readonly lease: string };

export interface StoredEntry {
  readonly key: string;
  readonly value: Buffer;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly lease?: string;
}

/** A put has the whole entry, a deletion the key. */
export type StoredChange = { readonly put: StoredEntry } | { readonly delete: string };

/** Without the newline. */
export function encodeLine(line: JournalLine): Buffer {
  const json = Buffer.from(JSON.stringify(line, valuesAsText));
  return Buffer.concat([Buffer.from(`${checksumOf(json)} `), json]);
}

/** Undefined unless the bytes are, to the last one, what `encodeLine` has made. */
export function decodeLine(bytes: Buffer): JournalLine | undefined {
  const json = bytes.subarray(CHECKSUM_LENGTH + 1);
  if (bytes.toString("latin1", 0, CHECKSUM_LENGTH + 1) !== `${checksumOf(json)} `) return undefined;
  return JSON.parse(json.toString(), valuesAsBytes) as JournalLine;
}

const CHECKSUM_LENGTH = 16;

function checksumOf(json: Buffer): string {
  return createHash("sha256").update(json).digest("hex").slice(0, CHECKSUM_LENGTH);
}

// Buffers have a toJSON of their own, which a replacer comes after: it sees `this`.
function valuesAsText(this: unknown, key: string, value: unknown): unknown {
  const own = key === "value" ? (this as { value: unknown }).value : undefined;
  return Buffer.isBuffer(own) ? own.toString("base64") : value;
}

function valuesAsBytes(key: string, value: unknown): unknown {
  return key === "value" && typeof value === "string" ? Buffer.from(value, "base64") : value;
}
