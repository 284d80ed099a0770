import type { TomlStatement } from "../../toml/scan-toml.ts";
import { Rejection } from "./rejection.ts";

/**
 * A header's path as go-toml v1.9.5 reads it: up to the first `]` even inside quotes, no `[` at all, and no escape
 * decoded. Throws Rejection where it gives up on a header that is valid TOML.
 */
export function headerPathV1(text: string, statement: TomlStatement): readonly string[] {
  if (statement.kind === "key-value") return statement.path;
  const open = text.indexOf("[", statement.start) + (statement.kind === "table" ? 1 : 2);
  const line = text.slice(open, statement.end);
  const close = line.indexOf("]");
  const key = close === -1 ? line : line.slice(0, close);
  const place = { line: statement.line, column: statement.column };
  if (key.includes("["))
    throw reject(`unexpected token table key cannot contain ']', was expecting a table key`, place);
  return splitKey(key, place);
}

function splitKey(key: string, place: Place): readonly string[] {
  const parts: string[] = [];
  const part = /\s*(?:"([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*(\.|$)/y;
  while (part.lastIndex < key.length) {
    const match = part.exec(key);
    if (match === null) throw reject("invalid table array key: unclosed or invalid quoted key", place);
    parts.push(match[1] ?? match[2] ?? match[3] ?? "");
  }
  return parts;
}

type Place = { readonly line: number; readonly column: number };

function reject(words: string, { line, column }: Place): Rejection {
  return new Rejection("header-bracket", `failed to parse TOML: (${line}, ${column + 1}): ${words}`, {
    line,
    column,
  });
}
