import type { Place } from "../issue.ts";
import type { IssueLog } from "./issue-log.ts";
import { hasControlCharacter, quote, suggest } from "./text.ts";
import { describeTree, type ListTree, type MapTree, type Tree } from "./tree.ts";

export interface PlacedText {
  readonly text: string;
  readonly at: Place;
}

/**
 * Reads one mapping key by key; whatever is missing, unknown or of the wrong type becomes an issue.
 * A key with nothing after it, or with "", counts as absent.
 */
export class MapReader {
  readonly map: MapTree;
  readonly #log: IssueLog;
  /** What the mapping is, for messages: `a registryMirrors entry`. */
  readonly #what: string;

  constructor(map: MapTree, what: string, log: IssueLog) {
    this.map = map;
    this.#what = what;
    this.#log = log;
  }

  /** The value, or undefined when absent. */
  get(key: string): Tree | undefined {
    const value = this.map.entries.get(key)?.value;
    if (value?.kind === "scalar" && (value.value === null || value.value === "")) return undefined;
    return value;
  }

  /** Where the key stands; the mapping itself when it is absent. */
  keyAt(key: string): Place {
    return this.map.entries.get(key)?.keyAt ?? this.map.at;
  }

  text(key: string, options: { readonly lines?: boolean } = {}): PlacedText | undefined {
    const value = this.get(key);
    return value === undefined ? undefined : readText(value, key, this.#log, options.lines ?? false);
  }

  requiredText(key: string, fix: string): PlacedText | undefined {
    if (this.get(key) !== undefined) return this.text(key);
    this.missing(key, fix);
    return undefined;
  }

  boolean(key: string): boolean | undefined {
    const value = this.get(key);
    if (value === undefined || (value.kind === "scalar" && typeof value.value === "boolean"))
      return value?.value as boolean | undefined;
    this.wrongType(key, value, "true or false", `write ${key}: true or ${key}: false, without quotes`);
    return undefined;
  }

  list(key: string): ListTree | undefined {
    const value = this.get(key);
    if (value === undefined || value.kind === "list") return value;
    this.wrongType(key, value, "a list", `write ${key}: [ … ], or one "- " line for each item`);
    return undefined;
  }

  texts(key: string): readonly PlacedText[] | undefined {
    return this.list(key)?.items.flatMap((item) => readText(item, `an item of ${key}`, this.#log) ?? []);
  }

  child(key: string, what: string): MapReader | undefined {
    const value = this.get(key);
    if (value === undefined) return undefined;
    if (value.kind === "map") return new MapReader(value, what, this.#log);
    this.wrongType(key, value, "a mapping", `write the keys of ${key} indented below it`);
    return undefined;
  }

  children(key: string, what: string): readonly MapReader[] | undefined {
    return this.list(key)?.items.flatMap((item) => {
      if (item.kind === "map") return [new MapReader(item, what, this.#log)];
      this.wrongType(`an item of ${key}`, item, "a mapping", `write ${what} as key: value lines`);
      return [];
    });
  }

  missing(key: string, fix: string): void {
    this.#log.error(
      "missing-key",
      this.keyAt(key),
      `${this.#what} has no ${key}, so it means nothing to a pull`,
      fix,
    );
  }

  wrongType(key: string, value: Tree, wanted: string, fix: string): void {
    this.#log.error(
      "wrong-type",
      value.at,
      `${key} must be ${wanted}, here it is ${describeTree(value)}`,
      fix,
    );
  }

  /** Reports every key outside `known`; with `nearOnly`, just those that look like a misspelt one. */
  rejectUnknown(known: readonly string[], nearOnly = false): void {
    let looked = 0;
    for (const [key, { keyAt }] of this.map.entries) {
      if (known.includes(key)) continue;
      if (this.#log.isFull || ++looked > 1000) break;
      const meant = suggest(key, known);
      if (meant === undefined && nearOnly) continue;
      const fix = meant === undefined ? `known here: ${known.join(", ")}` : `did you mean ${meant}?`;
      this.#log.error(
        "unknown-key",
        keyAt,
        `${this.#what} has no key ${quote(key)}; it would be ignored silently`,
        fix,
      );
    }
  }
}

/** The text of a scalar; control characters are refused, with `lines` all but line ends and tabs. */
function readText(value: Tree, key: string, log: IssueLog, lines = false): PlacedText | undefined {
  if (value.kind !== "scalar" || typeof value.value !== "string") {
    const fix = value.kind === "scalar" ? "put it in quotes" : "write one text";
    log.error("wrong-type", value.at, `${key} must be text, here it is ${describeTree(value)}`, fix);
    return undefined;
  }
  if (hasControlCharacter(value.value, lines)) {
    const message = `${key} holds a control character (a line end, a tab or the like), which could end up in a header or a file`;
    log.error("control-character", value.at, message, "remove it");
    return undefined;
  }
  return { text: value.value, at: value.at };
}
