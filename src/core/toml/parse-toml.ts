import toml from "@iarna/toml";
import { skipComment, skipString } from "./skip-toml.ts";

/** A parsed document (integers beyond 2^53 are bigint, dates are Date), or where and why it is not TOML. */
export type TomlResult =
  | { readonly ok: true; readonly value: TomlTable }
  /** Line and column count from 1. */
  | { readonly ok: false; readonly line: number; readonly column: number; readonly message: string };

export interface TomlTable {
  readonly [key: string]: TomlValue;
}
export type TomlValue = string | number | bigint | boolean | Date | TomlTable | readonly TomlValue[];

/** Parses TOML. A leading BOM is allowed, as in go-toml v1; ask `startsWithBom` where it matters. Never throws. */
export function parseToml(text: string): TomlResult {
  try {
    return {
      ok: true,
      value: toml.parse(blankCommentCrs(startsWithBom(text) ? text.slice(1) : text)) as TomlTable,
    };
  } catch (error) {
    return describeError(error);
  }
}

export function startsWithBom(text: string): boolean {
  return text.startsWith("\ufeff");
}

export function isTomlTable(value: TomlValue | undefined): value is TomlTable {
  return typeof value === "object" && !Array.isArray(value) && !(value instanceof Date);
}

// @iarna/toml takes the CR of a CRLF that ends a comment for a control character inside it.
function blankCommentCrs(text: string): string {
  if (!text.includes("\r")) return text;
  let out = "";
  let copied = 0;
  let at = 0;
  while (at < text.length) {
    const char = text[at];
    if (char === '"' || char === "'") at = skipString(text, at);
    else if (char === "#") {
      at = skipComment(text, at);
      if (text[at] === "\r") {
        out += `${text.slice(copied, at)} `;
        copied = at + 1;
      }
    } else at++;
  }
  return out + text.slice(copied);
}

function describeError(error: unknown): TomlResult {
  const {
    line = 0,
    col = 0,
    message = "not TOML",
  } = error as { line?: number; col?: number; message?: string };
  const [firstLine = ""] = message.split("\n");
  return {
    ok: false,
    line: line + 1,
    column: col + 1,
    message: firstLine
      .replace(/ at row \d+, col \d+, pos \d+:?$/, "")
      .replace(/^Unknown character "(\d+)"/, (_, code) => `Unknown character ${nameCharacter(Number(code))}`),
  };
}

/** The parser tells the number. */
function nameCharacter(code: number): string {
  return code <= 0x10ffff ? JSON.stringify(String.fromCodePoint(code)) : String(code);
}
