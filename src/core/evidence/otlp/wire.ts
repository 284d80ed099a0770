/** A protobuf message being read, in place: nothing of it is copied until a text is taken. */
export interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
  end: number;
}

/** `invalid`: not the message it should be · `too-large`: more in it than is read. */
export class OtlpError extends Error {
  override readonly name = "OtlpError";
  readonly code: "invalid" | "too-large";
  constructor(code: "invalid" | "too-large", message: string) {
    super(message);
    this.code = code;
  }
}

/** Wire types of https://protobuf.dev/programming-guides/encoding; groups (3, 4) are not in proto3. */
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

export function invalid(what: string): OtlpError {
  return new OtlpError("invalid", `not an OTLP trace export: ${what}`);
}

/** Tag of a field: its number and wire type in one number, as it stands on the wire. */
export function readTag(cursor: Cursor): number {
  const tag = readVarint(cursor);
  if (tag < 8 || tag > 0xffffffff) throw invalid("a field has no number");
  return tag;
}

/** Steps into a length-delimited message: up to `leave`, its end is the end. Returns what `leave` needs. */
export function enter(cursor: Cursor): number {
  const length = readLength(cursor);
  const outerEnd = cursor.end;
  cursor.end = cursor.at + length;
  return outerEnd;
}

export function leave(cursor: Cursor, outerEnd: number): void {
  cursor.at = cursor.end;
  cursor.end = outerEnd;
}

/** The number of bytes that follow; all of them are there. */
export function readLength(cursor: Cursor): number {
  const length = readVarint(cursor);
  if (length > cursor.end - cursor.at) throw invalid("a field is longer than its message");
  return length;
}

/** Not exact above 2^53, which no length, status or count reaches. */
export function readVarint(cursor: Cursor): number {
  const { bytes } = cursor;
  let value = 0;
  let factor = 1;
  for (let i = 0; i < 10; i++) {
    if (cursor.at >= cursor.end) throw invalid("it ends within a number");
    const byte = bytes[cursor.at++] as number;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return value;
    factor *= 128;
  }
  throw invalid("a number has more than 64 bits");
}

/** Nanoseconds as a fixed 64-bit number, in milliseconds: exact to less than a microsecond. */
export function readNanoseconds(cursor: Cursor): number {
  if (cursor.end - cursor.at < 8) throw invalid("it ends within a time");
  const low = readWord(cursor);
  return (readWord(cursor) * 0x1_0000_0000 + low) / 1e6;
}

function readWord(cursor: Cursor): number {
  const { bytes, at } = cursor;
  cursor.at = at + 4;
  const [a, b, c, d] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]] as [
    number,
    number,
    number,
    number,
  ];
  return a + b * 0x100 + c * 0x1_0000 + d * 0x100_0000;
}

/** At most `maxBytes` of the text that follows; what is longer is cut. */
export function readText(cursor: Cursor, maxBytes: number): string {
  const length = readLength(cursor);
  const { bytes, at } = cursor;
  const end = at + Math.min(length, maxBytes);
  cursor.at = at + length;
  for (let i = at; i < end; i++) if ((bytes[i] as number) > 0x7f) return utf8.decode(bytes.subarray(at, end));
  return readLatin1(bytes, at, end);
}

const utf8 = new TextDecoder();

/** An identifier as a text of its own that equals itself and says nothing. */
export function readId(cursor: Cursor): string {
  const length = readLength(cursor);
  if (length > 16) throw invalid("an id is longer than 16 bytes");
  const { bytes, at } = cursor;
  cursor.at = at + length;
  return readLatin1(bytes, at, at + length);
}

function readLatin1(bytes: Uint8Array, at: number, end: number): string {
  let text = "";
  // In pieces: every byte becomes an argument of the call.
  for (let from = at; from < end; from += 1024)
    text += String.fromCharCode.apply(null, bytes.subarray(from, Math.min(end, from + 1024)) as never);
  return text;
}

/** A field that is not wanted. A known field of another wire type is one: protobuf has it so. */
export function skip(cursor: Cursor, tag: number): void {
  const wire = tag & 7;
  if (wire === VARINT) {
    readVarint(cursor);
    return;
  }
  if (wire !== BYTES && wire !== FIXED64 && wire !== FIXED32) throw invalid(`wire type ${wire}`);
  const size = wire === BYTES ? readLength(cursor) : wire === FIXED64 ? 8 : 4;
  if (size > cursor.end - cursor.at) throw invalid("it ends within a field");
  cursor.at += size;
}
