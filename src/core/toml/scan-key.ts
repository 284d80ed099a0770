import { skipBlanks, skipString } from "./skip-toml.ts";

/** A (dotted) key read from text, and the index behind it and the blanks after it. */
export interface ScannedKey {
  readonly path: readonly string[];
  readonly end: number;
}

/** Reads a bare, quoted or dotted key that starts at or after blanks at `from`. */
export function scanKey(text: string, from: number): ScannedKey {
  const path: string[] = [];
  let at = skipBlanks(text, from);
  for (;;) {
    const end = skipKeyPart(text, at);
    path.push(decodeKeyPart(text.slice(at, end)));
    at = skipBlanks(text, end);
    if (text[at] !== ".") return { path, end: at };
    at = skipBlanks(text, at + 1);
  }
}

const BARE_KEY = /[^\s.=\][{}#,"']+/y;

function skipKeyPart(text: string, from: number): number {
  if (text[from] === '"' || text[from] === "'") return skipString(text, from);
  BARE_KEY.lastIndex = from;
  return BARE_KEY.test(text) ? BARE_KEY.lastIndex : from;
}

function decodeKeyPart(raw: string): string {
  if (raw.startsWith("'")) return raw.slice(1, -1);
  if (!raw.startsWith('"')) return raw;
  return raw.slice(1, -1).replace(/\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))/gs, decodeEscape);
}

const escapes: Readonly<Record<string, string>> = { b: "\b", t: "\t", n: "\n", f: "\f", r: "\r" };

function decodeEscape(_: string, short?: string, long?: string, char?: string): string {
  if (char !== undefined) return escapes[char] ?? char;
  const code = Number.parseInt(short ?? long ?? "0", 16);
  return code > 0x10ffff ? "\ufffd" : String.fromCodePoint(code);
}
