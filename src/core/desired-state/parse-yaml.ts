import { Composer, type CST, type Document, Lexer, LineCounter, Parser } from "yaml";
import { buildTree, type NodeBudget } from "./build-tree.ts";
import type { IssueLog } from "./issue-log.ts";
import { LIMITS } from "./limits.ts";
import { parsePlainYaml } from "./parse-plain-yaml.ts";
import type { Tree } from "./tree.ts";

/** What all files of one input may use together. */
export interface YamlBudget extends NodeBudget {
  tokens: number;
}

export function createYamlBudget(): YamlBudget {
  return { tokens: LIMITS.tokens, nodes: LIMITS.nodes, aliases: LIMITS.aliases };
}

/** Parses every document of a YAML stream (JSON is YAML): by the quick way where the text is plain enough. */
export function parseYaml(file: string, text: string, budget: YamlBudget, log: IssueLog): readonly Tree[] {
  const plain = parsePlainYaml(file, text);
  if (plain === undefined || plain.nodes > budget.nodes) return parseFullYaml(file, text, budget, log);
  budget.nodes -= plain.nodes;
  return plain.trees;
}

/**
 * The whole language. Documents with errors and empty documents are left out.
 * Depth and size are checked while the concrete syntax is read, which is iterative; only then is the document
 * composed, which recurses.
 */
export function parseFullYaml(
  file: string,
  text: string,
  budget: YamlBudget,
  log: IssueLog,
): readonly Tree[] {
  const lines = countLines(text);
  const place = (offset: number) => {
    const { line, col } = lines.linePos(Math.min(offset, text.length));
    return { file, line: Math.max(1, line), column: Math.max(1, col) };
  };
  const tokens = readTokens(text, budget);
  if (!tokens.ok) {
    log.error(tokens.code, place(tokens.offset), tokens.message, tokens.fix);
    return [];
  }
  const trees: Tree[] = [];
  const composer = new Composer({ uniqueKeys: false, merge: false, logLevel: "silent", stringKeys: false });
  for (const document of composer.compose(tokens.tokens, false, text.length)) {
    if (reportErrors(document, place, log)) continue;
    const tree = buildTree(document, place, budget, log);
    if (tree !== undefined) trees.push(tree);
  }
  return trees;
}

type Tokens =
  | { readonly ok: true; readonly tokens: readonly CST.Token[] }
  | {
      readonly ok: false;
      readonly code: "too-deep" | "too-many-nodes";
      readonly offset: number;
      readonly message: string;
      readonly fix: string;
    };

// Keeps the composer's recursion small; the exact limit is checked while the tree is built.
const MAX_STACK = 2 * LIMITS.depth + 2;

function readTokens(text: string, budget: YamlBudget): Tokens {
  const excess = findExcess(text, "\n") ?? findExcess(text, ",");
  if (excess !== undefined) return tooMany(excess);
  const parser = new Parser();
  const tokens: CST.Token[] = [];
  let flowDepth = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (--budget.tokens < 0) return tooMany(parser.offset);
    if (lexeme === "[" || lexeme === "{") flowDepth++;
    else if (lexeme === "]" || lexeme === "}") flowDepth--;
    tokens.push(...parser.next(lexeme));
    if (flowDepth > LIMITS.depth || parser.stack.length > MAX_STACK) return tooDeep(parser.offset);
  }
  tokens.push(...parser.end());
  return { ok: true, tokens };
}

function countLines(text: string): LineCounter {
  const lines = new LineCounter();
  lines.addNewLine(0);
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines.addNewLine(at + 1);
  return lines;
}

function findExcess(text: string, character: string): number | undefined {
  let at = -1;
  for (let found = 0; found <= LIMITS.lines; found++) {
    at = text.indexOf(character, at + 1);
    if (at < 0) return undefined;
  }
  return at;
}

function tooDeep(offset: number): Tokens {
  return {
    ok: false,
    code: "too-deep",
    offset,
    message: `the document nests deeper than ${LIMITS.depth} levels; nothing of it is applied`,
    fix: "no form of desired state needs that: check how the file was made",
  };
}

function tooMany(offset: number): Tokens {
  return {
    ok: false,
    code: "too-many-nodes",
    offset,
    message: "the input is larger than any desired state needs to be; nothing of it is applied",
    fix: "check how the file was made; use hosts lists and '*' rather than an entry for each image",
  };
}

function reportErrors(
  document: Document,
  place: (offset: number) => { file: string; line: number; column: number },
  log: IssueLog,
): boolean {
  for (const { message, pos } of document.errors.slice(0, 20)) {
    const words = message.charAt(0).toLowerCase() + message.slice(1).replaceAll("\n", " ");
    log.error(
      "yaml-syntax",
      place(pos[0]),
      `this is not valid YAML: ${words}; nothing of this document is applied`,
      hint(message),
    );
  }
  return document.errors.length > 0;
}

function hint(message: string): string {
  if (message.includes("abs are not allowed")) return "indent with spaces";
  if (message.includes("node end"))
    return 'quote text that begins with a special character; a star is written "*"';
  if (message.includes("must end with")) return "close the bracket; the file may have been cut off";
  if (message.includes("Missing closing")) return "close the quote; the file may have been cut off";
  if (message.includes("must be sufficiently indented"))
    return "close the bracket; the file may have been cut off";
  return "check indentation, colons and quotes on this line and the one above it";
}
