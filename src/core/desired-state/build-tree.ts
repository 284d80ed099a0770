import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import type { Place } from "../issue.ts";
import type { IssueLog } from "./issue-log.ts";
import { LIMITS } from "./limits.ts";
import { hasControlCharacter, isWellFormed, quote } from "./text.ts";
import type { ListTree, MapTree, ScalarTree, Tree, TreeEntry } from "./tree.ts";

/** How much may still be built; shared by all documents of an input, so that many small ones do not add up. */
export interface NodeBudget {
  nodes: number;
  aliases: number;
}

type PlaceOf = (offset: number) => Place;

/** The document as a Tree; undefined when it is empty or, with issues, not plain data. */
export function buildTree(
  document: Document,
  place: PlaceOf,
  budget: NodeBudget,
  log: IssueLog,
): Tree | undefined {
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === null)) return undefined;
  const builder = new TreeBuilder(place, budget, log);
  const tree = builder.build(contents as Node);
  return builder.failed ? undefined : tree;
}

const FORBIDDEN_KEYS = new Set(["__proto__", "constructor", "prototype"]);
const PLAIN_TAG = /^(?:tag:yaml\.org,2002:(?:str|int|float|bool|null|map|seq)|!)$/;

class TreeBuilder {
  failed = false;
  readonly #place: PlaceOf;
  readonly #budget: NodeBudget;
  readonly #log: IssueLog;
  readonly #anchors = new Map<string, { readonly tree: Tree; readonly nodes: number }>();
  #used = 0;
  #depth = 0;

  constructor(place: PlaceOf, budget: NodeBudget, log: IssueLog) {
    this.#place = place;
    this.#budget = budget;
    this.#log = log;
  }

  build(node: Node): Tree | undefined {
    const at = this.#at(node);
    if (isAlias(node)) return this.#alias(node.source, at);
    if (!this.#spend(1, at) || !this.#tag(node, at)) return undefined;
    const before = this.#used;
    const tree = this.#nested(node, at);
    if ((isMap(node) || isSeq(node) || isScalar(node)) && node.anchor !== undefined && tree !== undefined)
      this.#anchors.set(node.anchor, { tree, nodes: this.#used - before + 1 });
    return tree;
  }

  #nested(node: Node, at: Place): Tree | undefined {
    if (this.#depth >= LIMITS.depth && !isScalar(node)) {
      const message = `the document nests deeper than ${LIMITS.depth} levels; nothing of it is applied`;
      this.#fail("too-deep", at, message, "no form of desired state needs that: check how the file was made");
      return undefined;
    }
    this.#depth++;
    const tree = this.#value(node, at);
    this.#depth--;
    return tree;
  }

  #value(node: Node, at: Place): Tree | undefined {
    if (isMap(node)) return this.#map(node, at);
    if (isSeq(node)) return this.#list(node, at);
    if (isScalar(node)) return this.#scalar(node.value, at);
    return undefined;
  }

  #map(node: YAMLMap, at: Place): MapTree {
    const entries = new Map<string, TreeEntry>();
    for (const pair of node.items) {
      if (this.#budget.nodes < 0) break;
      this.#pair(pair as Pair<Node, Node | null>, at, entries);
    }
    return { kind: "map", at, entries };
  }

  #pair(pair: Pair<Node, Node | null>, mapAt: Place, entries: Map<string, TreeEntry>): void {
    const keyAt = this.#at(pair.key);
    const key = this.#key(pair.key, keyAt);
    const value =
      pair.value === null ? ({ kind: "scalar", at: keyAt, value: null } as const) : this.build(pair.value);
    if (key === undefined || value === undefined) return;
    const first = entries.get(key);
    if (first === undefined) entries.set(key, { keyAt, value });
    else
      this.#fail(
        "duplicate-key",
        keyAt,
        `the key ${quote(key)} is given twice in one mapping (first on line ${first.keyAt.line}); which one counts would be a guess`,
        mapAt.line === keyAt.line
          ? "keep one of them"
          : "keep one of them, or indent it under the mapping it belongs to",
      );
  }

  #key(node: Node, at: Place): string | undefined {
    if (!isScalar(node) || node.value === null) {
      const fix = isAlias(node) ? `write "*" in quotes` : "write a plain name as the key";
      this.#fail("key-not-text", at, "a key must be text, not a list, a mapping, an alias or nothing", fix);
      return undefined;
    }
    if (!this.#spend(1, at)) return undefined;
    const key = typeof node.value === "string" ? node.value : (node.source ?? String(node.value));
    if (FORBIDDEN_KEYS.has(key)) {
      this.#fail("forbidden-key", at, `the key ${quote(key)} is never read`, "remove it");
      return undefined;
    }
    if (key.length > LIMITS.keyLength || hasControlCharacter(key) || !isWellFormed(key)) {
      this.#fail(
        "key-not-text",
        at,
        `the key ${quote(key)} is too long or holds control characters`,
        "remove it",
      );
      return undefined;
    }
    return key;
  }

  #list(node: YAMLSeq, at: Place): ListTree {
    const items: Tree[] = [];
    for (const item of node.items) {
      if (this.#budget.nodes < 0) break;
      const tree = this.build(item as Node);
      if (tree !== undefined) items.push(tree);
    }
    return { kind: "list", at, items };
  }

  #scalar(value: unknown, at: Place): ScalarTree | undefined {
    if (typeof value === "string") {
      if (isWellFormed(value) && !value.includes("\0")) return { kind: "scalar", at, value };
      this.#fail(
        "control-character",
        at,
        "the text holds a NUL or half of a surrogate pair, which no file can carry",
        "remove it",
      );
      return undefined;
    }
    const plain = value as number | boolean | bigint | null;
    return { kind: "scalar", at, value: plain };
  }

  #alias(name: string, at: Place): Tree | undefined {
    const anchor = this.#anchors.get(name);
    if (anchor === undefined) {
      // Its name is not repeated: a password may begin with a star.
      const fix = `define its anchor (&name) before it; if a star is meant, put the whole text in quotes: "*"`;
      this.#fail("yaml-alias", at, "this alias, a text that begins with a star, refers to nothing", fix);
      return undefined;
    }
    if (--this.#budget.aliases < 0) {
      this.#fail(
        "yaml-alias",
        at,
        `more than ${LIMITS.aliases} aliases are used; nothing of this is applied`,
        "write the values out",
      );
      return undefined;
    }
    return this.#spend(anchor.nodes, at) ? anchor.tree : undefined;
  }

  #tag(node: Node, at: Place): boolean {
    const { tag } = node as { tag?: string };
    if (tag === undefined || PLAIN_TAG.test(tag)) return true;
    this.#fail(
      "yaml-tag",
      at,
      `the tag ${quote(tag)} is not read: a desired state is plain data`,
      "remove the tag",
    );
    return false;
  }

  #spend(nodes: number, at: Place): boolean {
    const had = this.#budget.nodes >= 0;
    this.#budget.nodes -= nodes;
    this.#used += nodes;
    if (this.#budget.nodes >= 0) return true;
    if (had) {
      const message = `the input holds more than ${LIMITS.nodes} keys and values; nothing of it is applied`;
      this.#fail("too-many-nodes", at, message, "check how the file was made");
    }
    this.failed = true;
    return false;
  }

  #fail(code: Parameters<IssueLog["error"]>[0], at: Place, message: string, fix: string): void {
    this.failed = true;
    this.#log.error(code, at, message, fix);
  }

  #at(node: Node): Place {
    return this.#place(node.range?.[0] ?? 0);
  }
}
