import type { Issue, Place } from "../issue.ts";
import { type JsonLimits, type JsonNode, parseJsonText } from "./json-text.ts";
import type { SigningCode } from "./signing-codes.ts";

/** Ends the reading of a document at the first thing that is wrong: who made it is a program, and it is refused whole. */
export class Refusal extends Error {
  readonly issue: Issue;
  constructor(issue: Issue) {
    super(issue.message);
    this.issue = issue;
  }
}

/** What a JSON document of ours is, for messages, and where its parts stand. */
export interface JsonDocument {
  readonly root: JsonNode;
  refuse(at: number | JsonNode, message: string): Refusal;
}

export interface JsonSource {
  readonly file: string;
  readonly code: SigningCode;
  /** `the envelope` */
  readonly what: string;
  readonly fix: string;
}

/** Throws a Refusal where the bytes are no UTF-8, no JSON, or over the limits. */
export function openJson(bytes: Uint8Array, source: JsonSource, limits: JsonLimits): JsonDocument {
  const { file, code, fix, what } = source;
  const issue = (at: Place, message: string): Refusal =>
    new Refusal({ code, severity: "error", at, message, fix });
  const text = decodeStrictly(bytes);
  if (text === undefined) throw issue({ file, line: 1, column: 1 }, `${what} is not UTF-8 text`);
  const parsed = parseJsonText(text, limits);
  if (!parsed.ok)
    throw issue(placeOf(file, text, parsed.at), `${what} is not the JSON it should be: ${parsed.message}`);
  return {
    root: parsed.value,
    refuse: (at, message) => issue(placeOf(file, text, typeof at === "number" ? at : at.at), message),
  };
}

/** The values of an object that has all of `required`, perhaps some of `optional`, and nothing else. */
export function readFields<Required extends string, Optional extends string = never>(
  node: JsonNode,
  what: string,
  { refuse }: JsonDocument,
  required: readonly Required[],
  optional: readonly Optional[] = [],
): Record<Required, JsonNode> & Partial<Record<Optional, JsonNode>> {
  if (node.kind !== "object") throw refuse(node, `${what} must be an object`);
  const known: readonly string[] = [...required, ...optional];
  for (const [key, { keyAt }] of node.entries) {
    if (!known.includes(key)) throw refuse(keyAt, `${what} has a key that is not known: ${shown(key)}`);
  }
  for (const key of required) {
    if (!node.entries.has(key)) throw refuse(node, `${what} has no ${key}`);
  }
  const values = [...node.entries].map(([key, { value }]) => [key, value]);
  return Object.fromEntries(values) as Record<Required, JsonNode> & Partial<Record<Optional, JsonNode>>;
}

export function readString(node: JsonNode, what: string, { refuse }: JsonDocument): string {
  if (node.kind === "scalar" && typeof node.value === "string") return node.value;
  throw refuse(node, `${what} must be text`);
}

export function readArray(node: JsonNode, what: string, { refuse }: JsonDocument): readonly JsonNode[] {
  if (node.kind === "array") return node.items;
  throw refuse(node, `${what} must be a list`);
}

function decodeStrictly(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function placeOf(file: string, text: string, offset: number): Place {
  const before = text.slice(0, offset);
  return { file, line: before.split("\n").length, column: offset - before.lastIndexOf("\n") };
}

function shown(key: string): string {
  const short = key.length > 40 ? `${key.slice(0, 40)}…` : key;
  return JSON.stringify(short).replace(/[^\x20-\x7e…]/g, "?");
}
