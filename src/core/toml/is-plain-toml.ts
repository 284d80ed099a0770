const STRING = String.raw`"[^"\\\p{Cc}]*"`;
const KEY = String.raw`(?:[\w-]+|${STRING})`;
const VALUE = String.raw`(?:true|false|${STRING}|\[${STRING}(?:, ${STRING})*\])`;
const COMMENT = String.raw`#[^\p{Cc}]*`;
const STATEMENT = String.raw`(?:\[${KEY}(?:\.${KEY})*\]|${KEY} = ${VALUE})`;

const PLAIN = new RegExp(String.raw`^(?: *(?:${COMMENT}|${STATEMENT})?\n)*$`, "u");
const PLAIN_VALUE = new RegExp(`^${VALUE}$`, "u");

/**
 * True for text in which each line is a whole statement of the plainest kind, a comment or nothing, as in every
 * hosts.toml of ours: told a tenth of the time a parser takes. Each statement is TOML; whether they go together is
 * not looked at. False says nothing about the text.
 */
export function isPlainToml(text: string): boolean {
  return PLAIN.test(text);
}

/** Booleans, strings without escapes, lists of them: the same in TOML and JSON. */
export function isPlainTomlValue(text: string): boolean {
  return PLAIN_VALUE.test(text);
}
