import { parseToml, startsWithBom } from "../../toml/parse-toml.ts";
import { scanToml, type TomlStatement } from "../../toml/scan-toml.ts";
import type { ContainerdTraits } from "../version.ts";
import { headerPathV1 } from "./header-v1.ts";
import { Rejection } from "./rejection.ts";
import { buildTree, type TreeTable } from "./toml-tree.ts";

export interface LoadedTree {
  readonly root: TreeTable;
  /** `[…]` headers in file order. */
  readonly headers: readonly {
    readonly path: readonly string[];
    readonly line: number;
    readonly column: number;
  }[];
}

/** Parses the bytes as the release's TOML library would. Throws Rejection where that library gives up. */
export function loadTree(bytes: Uint8Array, library: ContainerdTraits["tomlLibrary"]): LoadedTree {
  const isV1 = library === "go-toml-v1";
  const text = decode(bytes, isV1);
  if (startsWithBom(text) && !isV1)
    throw new Rejection("bom", "toml: invalid character at start of key: U+00EF 'ï'", { line: 1, column: 1 });
  const source = isV1 ? splitLinesAfterHeaders(text) : { text, lineOf: (line: number) => line };
  const parsed = parseToml(source.text);
  if (!parsed.ok) throw syntaxRejection(isV1, { ...parsed, line: source.lineOf(parsed.line) });
  const statements = scanToml(source.text).map((statement) => ({
    ...statement,
    line: source.lineOf(statement.line),
  }));
  const headerOf = isV1
    ? (statement: TomlStatement) => headerPathV1(source.text, statement)
    : (statement: TomlStatement) => statement.path;
  const headers = statements
    .filter(({ kind }) => kind === "table")
    .map((statement) => ({ path: headerOf(statement), line: statement.line, column: statement.column }));
  return { root: buildTree(source.text, statements, headerOf), headers };
}

function decode(bytes: Uint8Array, isV1: boolean): string {
  try {
    return new TextDecoder("utf-8", { ignoreBOM: true, fatal: !isV1 }).decode(bytes);
  } catch {
    throw new Rejection("encoding", "toml: invalid UTF-8");
  }
}

type ParseFailure = { readonly line: number; readonly column: number; readonly message: string };

function syntaxRejection(isV1: boolean, { line, column, message }: ParseFailure): Rejection {
  const isDuplicate = /redefine|existing|already/i.test(message);
  if (isV1) {
    const words = isDuplicate ? "duplicated tables or keys" : message;
    return new Rejection("syntax", `failed to parse TOML: (${line}, ${column}): ${words}`, { line, column });
  }
  return new Rejection("syntax", `toml: ${isDuplicate ? "table or key already exists" : message}`, {
    line,
    column,
  });
}

const HEADER_WITH_TEXT = /^([ \t]*\[(?:"[^"\n]*"|'[^'\n]*'|[^\]["'\n])*\])[ \t]*(?=[^\s#\]])/;

/**
 * go-toml v1 takes `[table] key = 1` on one line; TOML does not. Puts the rest on a line of its own where the text
 * is not TOML as it stands but is afterwards.
 */
function splitLinesAfterHeaders(text: string): { text: string; lineOf: (line: number) => number } {
  const same = { text, lineOf: (line: number) => line };
  if (parseToml(text).ok) return same;
  const origin: number[] = [];
  const lines: string[] = [];
  text.split("\n").forEach((line, index) => {
    const header = HEADER_WITH_TEXT.exec(line)?.[1];
    const parts = header === undefined ? [line] : [header, line.slice(header.length)];
    for (const part of parts) {
      lines.push(part);
      origin.push(index + 1);
    }
  });
  const split = lines.join("\n");
  if (!parseToml(split).ok) return same;
  return { text: split, lineOf: (line) => origin[line - 1] ?? line };
}
