/** A JSON text as plain data that knows where each part stands: offsets count UTF-16 units. */
export type JsonNode =
  | { readonly kind: "object"; readonly at: number; readonly entries: ReadonlyMap<string, JsonEntry> }
  | { readonly kind: "array"; readonly at: number; readonly items: readonly JsonNode[] }
  | { readonly kind: "scalar"; readonly at: number; readonly value: string | number | boolean | null };

export interface JsonEntry {
  readonly keyAt: number;
  readonly value: JsonNode;
}

export type JsonResult =
  | { readonly ok: true; readonly value: JsonNode }
  | { readonly ok: false; readonly at: number; readonly message: string };

export interface JsonLimits {
  readonly depth: number;
  /** Objects, arrays, keys and values together. */
  readonly nodes: number;
}

/**
 * Reads JSON as RFC 8259 has it, and refuses what `JSON.parse` lets pass: a key that stands twice in one object, more
 * depth or more parts than the limits allow. What is signed has to mean the same to everybody who reads it.
 */
export function parseJsonText(text: string, limits: JsonLimits): JsonResult {
  try {
    return { ok: true, value: new Parser(text, limits).document() };
  } catch (error) {
    if (!(error instanceof JsonFailure)) throw error;
    return { ok: false, at: error.at, message: error.message };
  }
}

class JsonFailure extends Error {
  readonly at: number;
  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /true|false|null/y;
const WORDS = { true: true, false: false, null: null } as const;

class Parser {
  readonly #text: string;
  readonly #limits: JsonLimits;
  #at = 0;
  #nodes = 0;

  constructor(text: string, limits: JsonLimits) {
    this.#text = text;
    this.#limits = limits;
  }

  document(): JsonNode {
    const value = this.#value(0);
    this.#space();
    if (this.#at < this.#text.length) throw this.#failure("something stands after the end of the JSON text");
    return value;
  }

  #value(depth: number): JsonNode {
    this.#space();
    this.#count();
    const at = this.#at;
    switch (this.#text[at]) {
      case "{":
        return { kind: "object", at, entries: this.#entries(depth + 1) };
      case "[":
        return { kind: "array", at, items: this.#items(depth + 1) };
      case '"':
        return { kind: "scalar", at, value: this.#string() };
      default:
        return { kind: "scalar", at, value: this.#plain() };
    }
  }

  #entries(depth: number): ReadonlyMap<string, JsonEntry> {
    const entries = new Map<string, JsonEntry>();
    this.#each("}", depth, () => {
      const keyAt = this.#at;
      if (this.#text[keyAt] !== '"') throw this.#failure("a key in quotes is expected here");
      const key = this.#string();
      this.#count();
      if (entries.has(key)) throw this.#failure("this key stands here for the second time", keyAt);
      this.#space();
      if (this.#text[this.#at] !== ":") throw this.#failure("a colon is expected here");
      this.#at += 1;
      entries.set(key, { keyAt, value: this.#value(depth) });
    });
    return entries;
  }

  #items(depth: number): readonly JsonNode[] {
    const items: JsonNode[] = [];
    this.#each("]", depth, () => items.push(this.#value(depth)));
    return items;
  }

  /** What stands between the bracket here and `end`, separated by commas. */
  #each(end: string, depth: number, read: () => void): void {
    if (depth > this.#limits.depth) throw this.#failure(`it is nested deeper than ${this.#limits.depth}`);
    this.#at += 1;
    this.#space();
    if (this.#text[this.#at] === end) {
      this.#at += 1;
      return;
    }
    for (;;) {
      this.#space();
      read();
      this.#space();
      const next = this.#text[this.#at];
      if (next !== "," && next !== end) throw this.#failure(`a comma or ${end} is expected here`);
      this.#at += 1;
      if (next === end) return;
    }
  }

  #string(): string {
    const start = this.#at;
    for (let at = start + 1; at < this.#text.length; at += 1) {
      const code = this.#text.charCodeAt(at);
      if (code === 0x5c) at += 1;
      else if (code === 0x22) {
        this.#at = at + 1;
        return this.#decode(start);
      } else if (code < 0x20) throw this.#failure("a control character in a text", at);
    }
    throw this.#failure("the text ends before its closing quote", this.#text.length);
  }

  // The ends are known and no control character is inside: what is left to refuse are escapes.
  #decode(start: number): string {
    const raw = this.#text.slice(start, this.#at);
    if (!raw.includes("\\")) return raw.slice(1, -1);
    try {
      return JSON.parse(raw) as string;
    } catch {
      throw this.#failure("this text has an escape that JSON does not know", start);
    }
  }

  #plain(): number | boolean | null {
    const word = this.#match(WORD);
    if (word !== undefined) return WORDS[word as keyof typeof WORDS];
    const number = this.#match(NUMBER);
    if (number !== undefined) return Number(number);
    const isOver = this.#at >= this.#text.length;
    throw this.#failure(isOver ? "the JSON text ends too early" : "this is no JSON value");
  }

  #space(): void {
    this.#match(SPACE);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  #count(): void {
    this.#nodes += 1;
    if (this.#nodes > this.#limits.nodes)
      throw this.#failure(`it has more than ${this.#limits.nodes} keys and values`);
  }

  #failure(message: string, at = this.#at): JsonFailure {
    return new JsonFailure(at, message);
  }
}
