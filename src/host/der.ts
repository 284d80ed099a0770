/**
 * DER, as much of it as one certificate needs: X.690, https://www.itu.int/rec/T-REC-X.690. Values are whole
 * elements, tag and length included.
 */
export const der = {
  sequence: (...parts: readonly Uint8Array[]) => element(0x30, ...parts),
  set: (...parts: readonly Uint8Array[]) => element(0x31, ...parts),
  /** `[number]`, wrapped around a whole element. */
  explicit: (number: number, part: Uint8Array) => element(0xa0 + number, part),
  /** `[number]` in place of the element's own tag. */
  implicit: (number: number, content: Uint8Array) => element(0x80 + number, content),
  /** Big-endian; the first bit must be 0, and the first byte only where the second needs it. */
  integer: (content: Uint8Array) => element(0x02, content),
  boolean: (value: boolean) => element(0x01, Uint8Array.of(value ? 0xff : 0)),
  octets: (content: Uint8Array) => element(0x04, content),
  bits: (content: Uint8Array, unused = 0) => element(0x03, Uint8Array.of(unused), content),
  utf8: (text: string) => element(0x0c, new TextEncoder().encode(text)),
  /** `700101000000Z`, 1950 to 2049. */
  utcTime: (text: string) => element(0x17, new TextEncoder().encode(text)),
  /** `99991231235959Z`. */
  time: (text: string) => element(0x18, new TextEncoder().encode(text)),
  /** `2.5.29.17` */
  oid: (dotted: string) => element(0x06, encodeOid(dotted)),
};

function element(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(parts);
  return Buffer.concat([Uint8Array.of(tag, ...encodeLength(content.length)), content]);
}

function encodeLength(length: number): readonly number[] {
  if (length < 0x80) return [length];
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
}

function encodeOid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return Uint8Array.from([first * 40 + second, ...rest.flatMap(encodeBase128)]);
}

/** Seven bits a byte; all but the last have the eighth set. */
function encodeBase128(value: number): readonly number[] {
  const bytes = [value & 0x7f];
  for (let left = value >>> 7; left > 0; left >>>= 7) bytes.unshift(0x80 | (left & 0x7f));
  return bytes;
}
