import { BLOCK } from "./parse-header.ts";
import { filled } from "./walk-tar.ts";

/** What eleven octal digits hold. */
const MOST_USTAR = 8 ** 11 - 1;
const LONGEST_NAME = 100;

/**
 * What stands before a file's content: a ustar header, with a pax header before it where the path or the size does not
 * fit in. Nothing in it depends on time or place.
 */
export function renderTarHeader(path: string, size: number): Uint8Array {
  const records = [
    ...(path.length > LONGEST_NAME ? [paxRecord("path", path)] : []),
    ...(size > MOST_USTAR ? [paxRecord("size", String(size))] : []),
  ].join("");
  const name = path.slice(-LONGEST_NAME);
  const header = renderBlock(name, size > MOST_USTAR ? 0 : size, "0");
  if (records === "") return header;
  const content = encoder.encode(records);
  const bytes = new Uint8Array(BLOCK + filled(content.length) + BLOCK);
  bytes.set(renderBlock("pax", content.length, "x"), 0);
  bytes.set(content, BLOCK);
  bytes.set(header, bytes.length - BLOCK);
  return bytes;
}

/** What fills the last block of a content. */
export function tarPadding(size: number): Uint8Array {
  return new Uint8Array(filled(size) - size);
}

/** The end of an archive. */
export function tarEnd(): Uint8Array {
  return new Uint8Array(2 * BLOCK);
}

const encoder = new TextEncoder();

function renderBlock(name: string, size: number, type: string): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const put = (text: string, at: number): void => block.set(encoder.encode(text), at);
  const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, "0")}\0`;
  put(name, 0);
  put(octal(0o644, 8), 100);
  put(octal(0, 8), 108);
  put(octal(0, 8), 116);
  put(octal(size, 12), 124);
  put(octal(0, 12), 136);
  put(" ".repeat(8), 148);
  put(type, 156);
  put("ustar\u000000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

/** The length counts its own digits too. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return `${length}${rest}`;
}
