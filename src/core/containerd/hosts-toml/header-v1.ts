import type { TomlStatement } from "../../toml/scan-toml.ts";
import { Rejection } from "./rejection.ts";

/**
 * A header's path as go-toml v1.9.5 reads it: up to the first `]` even inside quotes, no `[` at all, and no escape
 * decoded. Throws Rejection where it gives up on a header that is valid TOML.
 */
export function headerPathV1(text: string, statement: TomlStatement): readonly string[] {
  const key = headerTextV1(text, statement);
  if (key.includes("["))
    throw reject("unexpected token table key cannot contain ']', was expecting a table key", statement);
  return splitKey(key, statement);
}

/** What stands between the brackets: go-toml v1 finds a table that is there twice by this text alone. */
export function headerTextV1(text: string, { start, end, kind }: TomlStatement): string {
  const open = text.indexOf("[", start) + (kind === "table" ? 1 : 2);
  const close = text.indexOf("]", open);
  return text.slice(open, close === -1 || close > end ? end : close);
}

function splitKey(key: string, place: Place): readonly string[] {
  const parts: string[] = [];
  const part = /\s*(?:"([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*(?:\.|$)/y;
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
