import { isPlainToml } from "../../toml/is-plain-toml.ts";
import { parseToml, startsWithBom } from "../../toml/parse-toml.ts";
import { scanToml, type TomlStatement } from "../../toml/scan-toml.ts";
import type { ContainerdTraits } from "../version.ts";
import { Rejection } from "./rejection.ts";
import { splitLinesAfterHeaders } from "./split-lines.ts";
import { buildTree, type TomlTree } from "./toml-tree.ts";

/** Parses the bytes as the release's TOML library would. Throws Rejection where that library gives up. */
export function loadTree(bytes: Uint8Array, library: ContainerdTraits["tomlLibrary"]): TomlTree {
  const isV1 = library === "go-toml-v1";
  const text = decode(bytes, isV1);
  if (startsWithBom(text) && !isV1)
    throw new Rejection("bom", "toml: invalid character at start of key: U+00EF 'ï'", { line: 1, column: 1 });
  if (isPlainToml(text)) return buildTree(text, scanToml(text), library);
  const parsed = parseToml(text);
  if (parsed.ok) return buildTree(text, scanToml(text), library);
  // Either no TOML, or statements that do not go together: the tree knows what the library says to the latter.
  const source = isV1 ? splitLinesAfterHeaders(text) : { text, lineOf: (line: number) => line };
  const statements = scanStatements(source.text);
  if (statements !== undefined) {
    const placed = statements.map((each) => ({ ...each, line: source.lineOf(each.line) }));
    const tree = buildTree(source.text, placed, library);
    if (isV1) return tree;
  }
  const { line, column, message } = parsed;
  const words = isV1 ? `failed to parse TOML: (${line}, ${column}): ${message}` : `toml: ${message}`;
  throw new Rejection("syntax", words, { line, column });
}

function decode(bytes: Uint8Array, isV1: boolean): string {
  try {
    return new TextDecoder("utf-8", { ignoreBOM: true, fatal: !isV1 }).decode(bytes);
  } catch {
    throw new Rejection("encoding", "toml: invalid UTF-8");
  }
}

/** The statements, if each is TOML by itself. */
function scanStatements(text: string): readonly TomlStatement[] | undefined {
  const statements = scanToml(text);
  return statements.every(({ start, end }) => parseToml(text.slice(start, end)).ok) ? statements : undefined;
}
