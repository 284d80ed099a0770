/** Archives are made of blocks of this many bytes. */
export const BLOCK = 512;

/** A header block as it stands: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html, ustar format. */
export interface TarHeader {
  readonly name: string;
  readonly linkName: string;
  /** Bytes of content. Negative and fractional ones do not come out; nor what a number cannot hold exactly. */
  readonly size: number;
  /** One character; `0` for the NUL of old archives. */
  readonly type: string;
}

export type HeaderResult =
  | { readonly is: "header"; readonly header: TarHeader }
  /** All zero: the end of an archive has two. */
  | { readonly is: "zero" }
  /** `why` completes "the header …". */
  | { readonly is: "bad"; readonly why: string; readonly name: string };

/** Reads the header of a v7, ustar, star or GNU archive. `block` has BLOCK bytes. */
export function parseHeader(block: Uint8Array): HeaderResult {
  if (block.every((byte) => byte === 0)) return { is: "zero" };
  const name = text(block, 0, 100);
  const bad = (why: string): HeaderResult => ({ is: "bad", why, name });
  if (!hasChecksum(block)) return bad("has a wrong checksum");
  const size = parseNumber(block.subarray(124, 136));
  if (typeof size === "string") return bad(`has a size that ${size}`);
  const prefix = text(block, 345, prefixLength(block));
  const type = block[156] === 0 ? "0" : String.fromCharCode(block[156] ?? 0);
  return {
    is: "header",
    header: { name: prefix === "" ? name : `${prefix}/${name}`, linkName: text(block, 157, 100), size, type },
  };
}

/** Some old programs took bytes as signed when they summed up. */
function hasChecksum(block: Uint8Array): boolean {
  const wanted = parseNumber(block.subarray(148, 156));
  let unsigned = 0;
  let signed = 0;
  for (let at = 0; at < BLOCK; at += 1) {
    const counted = at >= 148 && at < 156 ? 0x20 : (block[at] ?? 0);
    unsigned += counted;
    signed += counted > 127 ? counted - 256 : counted;
  }
  return wanted === unsigned || wanted === signed;
}

/** Only POSIX archives have one; GNU keeps times there, and star the last bytes of it. */
function prefixLength(block: Uint8Array): number {
  if (text(block, 257, 8) !== "ustar" || block[262] !== 0) return 0;
  return text(block, 508, 4) === "tar" ? 131 : 155;
}

/** Octal digits, or base 256 where the first bit is set; a string says what is wrong with it. */
function parseNumber(field: Uint8Array): number | string {
  const first = field[0] ?? 0;
  if ((first & 0x80) !== 0) return parseBinary(field, first);
  const digits = decoder.decode(field).replace(/^[ \0]+|[ \0]+$/g, "");
  if (digits === "") return 0;
  return /^[0-7]+$/.test(digits) ? exact(Number.parseInt(digits, 8)) : "is no number";
}

function parseBinary(field: Uint8Array, first: number): number | string {
  if ((first & 0x40) !== 0) return "is negative";
  return exact(field.subarray(1).reduce((value, byte) => value * 256 + byte, first & 0x3f));
}

function exact(value: number): number | string {
  return Number.isSafeInteger(value) ? value : "is beyond all disks";
}

const decoder = new TextDecoder();

/** Up to the first NUL. */
function text(block: Uint8Array, start: number, length: number): string {
  const field = block.subarray(start, start + length);
  const end = field.indexOf(0);
  return decoder.decode(end === -1 ? field : field.subarray(0, end));
}
