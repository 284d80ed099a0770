import { LIMITS } from "./limits.ts";
import type { ListTree, MapTree, ScalarTree, Tree, TreeEntry } from "./tree.ts";

export interface PlainYaml {
  readonly trees: readonly Tree[];
  /** Keys and values in them. */
  readonly nodes: number;
}

/**
 * Reads the plain part of YAML in which nearly every desired state is written, many times faster than the whole
 * language: block mappings and lists, one-line scalars without escapes, one-line lists of them. Undefined for
 * anything else, right or wrong: then the full parser decides. What it does read, the full parser reads alike.
 */
export function parsePlainYaml(file: string, text: string): PlainYaml | undefined {
  if (/[\t\r]/.test(text)) return undefined;
  const trees: Tree[] = [];
  let nodes = 0;
  for (const lines of splitDocuments(text) ?? [undefined]) {
    if (lines === undefined) return undefined;
    if (lines.length === 0) continue;
    const reader = new PlainReader(file, lines);
    const tree = reader.read();
    if (tree === undefined) return undefined;
    trees.push(tree);
    nodes += reader.nodes;
  }
  return { trees, nodes };
}

interface Line {
  readonly number: number;
  readonly indent: number;
  /** Without indentation and trailing blanks. */
  readonly text: string;
}

const KEY = /(?:[A-Za-z_][\w./-]*|"[^"\\]*"):(?= |$)/y;
const VALUE = /^(?:"[^"\\]*"|'[^']*'|\[[^[\]#]*\]|[^\s"'[\]{},#&*!|>%@`?-][^\s"'[\]{},#]*)(?= *$| +#)/;
const ITEM = / *("[^"\\]*"|'[^']*'|[^\s"'[\]{},#&*!|>%@`?-][^\s"'[\]{},#]*) *(,|$)/y;
const TEXT = /^(?:[A-Za-z/][\w./:@+-]*|\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?::\d+)?)$/;
const RESERVED = /^(?:true|false|null|__proto__|constructor|prototype)$/i;
const MAX_DEPTH = 16;

function splitDocuments(text: string): readonly (readonly Line[])[] | undefined {
  const documents: Line[][] = [[]];
  let number = 0;
  for (const raw of text.split("\n")) {
    number++;
    const line = raw.trimEnd();
    const content = line.trimStart();
    if (content === "" || content.startsWith("#")) continue;
    if (line === "---") documents.push([]);
    else if (line.startsWith("---") || line.startsWith("...")) return undefined;
    else documents.at(-1)?.push({ number, indent: line.length - content.length, text: content });
  }
  return documents;
}

/** One document. Methods answer undefined to give up. */
class PlainReader {
  nodes = 0;
  readonly #file: string;
  readonly #lines: Line[];
  #next = 0;

  constructor(file: string, lines: readonly Line[]) {
    this.#file = file;
    this.#lines = [...lines];
  }

  read(): Tree | undefined {
    const tree = this.#block(this.#lines[0]?.indent ?? 0, 1);
    return this.#next === this.#lines.length ? tree : undefined;
  }

  #block(indent: number, depth: number): Tree | undefined {
    const line = this.#lines[this.#next];
    if (line === undefined || depth > MAX_DEPTH) return undefined;
    this.nodes++;
    return line.text.startsWith("- ") ? this.#list(line, indent, depth) : this.#map(line, indent, depth);
  }

  #map(first: Line, indent: number, depth: number): MapTree | undefined {
    const entries = new Map<string, TreeEntry>();
    for (let line: Line | undefined = first; line?.indent === indent; line = this.#lines[this.#next]) {
      if (line.text.startsWith("- ")) break;
      const end = skipKey(line.text);
      if (end === undefined) return undefined;
      const key = readKey(line.text.slice(0, end - 1));
      if (entries.has(key) || RESERVED.test(key) || key.length > LIMITS.keyLength) return undefined;
      this.nodes++;
      this.#next++;
      const rest = line.text.slice(end).trimStart();
      const inline = rest !== "" && !rest.startsWith("#");
      const value = inline
        ? this.#value(rest, line, line.text.length - rest.length)
        : this.#below(indent, depth);
      if (value === undefined) return undefined;
      entries.set(key, { keyAt: this.#at(line, 0), value });
    }
    return { kind: "map", at: this.#at(first, 0), entries };
  }

  /** The block under a key: deeper, or a list at the key's own indentation. */
  #below(indent: number, depth: number): Tree | undefined {
    const line = this.#lines[this.#next];
    if (line === undefined) return undefined;
    const isBelow = line.indent > indent || (line.indent === indent && line.text.startsWith("- "));
    return isBelow ? this.#block(line.indent, depth + 1) : undefined;
  }

  #list(first: Line, indent: number, depth: number): ListTree | undefined {
    const items: Tree[] = [];
    for (let line: Line | undefined = first; line?.indent === indent; line = this.#lines[this.#next]) {
      if (!line.text.startsWith("- ")) break;
      const text = line.text.slice(2).trimStart();
      const offset = line.text.length - text.length;
      const item =
        skipKey(text) !== undefined
          ? this.#mapItem(line, offset, depth)
          : this.#scalarItem(text, line, offset);
      if (item === undefined) return undefined;
      items.push(item);
    }
    return { kind: "list", at: this.#at(first, 0), items };
  }

  #mapItem(line: Line, offset: number, depth: number): Tree | undefined {
    const indent = line.indent + offset;
    this.#lines[this.#next] = { number: line.number, indent, text: line.text.slice(offset) };
    return this.#block(indent, depth + 1);
  }

  #scalarItem(text: string, line: Line, offset: number): Tree | undefined {
    this.#next++;
    return this.#value(text, line, offset);
  }

  #value(text: string, line: Line, offset: number): Tree | undefined {
    const value = VALUE.exec(text)?.[0];
    if (value === undefined) return undefined;
    return value.startsWith("[") ? this.#flowList(value, line, offset) : this.#scalar(value, line, offset);
  }

  #flowList(text: string, line: Line, offset: number): ListTree | undefined {
    this.nodes++;
    const inner = text.slice(1, -1).trimEnd();
    const items: Tree[] = [];
    ITEM.lastIndex = 0;
    for (let more = inner.trim() !== ""; more; ) {
      const start = ITEM.lastIndex;
      const match = ITEM.exec(inner);
      const blanks = inner.slice(start).length - inner.slice(start).trimStart().length;
      const item = match && this.#scalar(match[1] ?? "", line, offset + 1 + start + blanks);
      if (!item) return undefined;
      items.push(item);
      more = match?.[2] === ",";
    }
    return { kind: "list", at: this.#at(line, offset), items };
  }

  #scalar(text: string, line: Line, offset: number): ScalarTree | undefined {
    this.nodes++;
    const value = readScalar(text);
    return value === undefined ? undefined : { kind: "scalar", at: this.#at(line, offset), value };
  }

  #at(line: Line, offset: number): Tree["at"] {
    return { file: this.#file, line: line.number, column: line.indent + offset + 1 };
  }
}

/** Behind the colon of a key that the text begins with. */
function skipKey(text: string): number | undefined {
  KEY.lastIndex = 0;
  return KEY.test(text) ? KEY.lastIndex : undefined;
}

function readKey(text: string): string {
  return text.startsWith('"') ? text.slice(1, -1) : text;
}

function readScalar(text: string): string | number | boolean | undefined {
  if (text.startsWith('"') || text.startsWith("'")) return text.slice(1, -1);
  if (text === "true" || text === "false") return text === "true";
  if (/^(?:0|[1-9]\d{0,14})$/.test(text)) return Number(text);
  return TEXT.test(text) && !text.endsWith(":") && !RESERVED.test(text) ? text : undefined;
}
