import { scanKey } from "./scan-key.ts";
import { skipTrivia, skipValue } from "./skip-toml.ts";

/** One `key = value` of an inline table, with the offsets of its value. */
export interface InlinePair {
  readonly path: readonly string[];
  /** Where the key starts. */
  readonly start: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

/** The pairs of the inline table whose `{` is at `open`, not descending into nested ones. */
export function scanInlineTable(text: string, open: number): readonly InlinePair[] {
  const pairs: InlinePair[] = [];
  let at = skipTrivia(text, open + 1);
  while (at < text.length && text[at] !== "}") {
    const key = scanKey(text, at);
    const valueStart = skipTrivia(text, text[key.end] === "=" ? key.end + 1 : key.end);
    const valueEnd = skipValue(text, valueStart, true);
    pairs.push({ path: key.path, start: at, valueStart, valueEnd });
    const next = skipTrivia(text, valueEnd);
    at = skipTrivia(text, Math.max(text[next] === "," ? next + 1 : next, at + 1));
  }
  return pairs;
}
