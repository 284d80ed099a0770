/**
 * Steps over pieces of TOML text: each function takes an index and gives the index behind what it names.
 * None of them fails: on text that is not TOML they stop early or at the end.
 */

/** Behind spaces and tabs. */
export function skipBlanks(text: string, from: number): number {
  let at = from;
  while (text[at] === " " || text[at] === "\t") at++;
  return at;
}

/** Behind spaces, newlines and comments: what may stand between the elements of an array. */
export function skipTrivia(text: string, from: number): number {
  let at = from;
  while (at < text.length) {
    const char = text[at];
    if (char === "#") at = skipComment(text, at);
    else if (char === " " || char === "\t" || char === "\n" || char === "\r") at++;
    else break;
  }
  return at;
}

/** To the newline (or the end of the text) that closes a comment; a CR before it counts as the newline's. */
export function skipComment(text: string, from: number): number {
  const newline = text.indexOf("\n", from);
  const end = newline === -1 ? text.length : newline;
  return newline !== -1 && end > from && text[end - 1] === "\r" ? end - 1 : end;
}

/** Behind the newline of the line that `from` is on. */
export function skipLine(text: string, from: number): number {
  const newline = text.indexOf("\n", from);
  return newline === -1 ? text.length : newline + 1;
}

/** Behind a string of any of the four kinds that opens at `from`. */
export function skipString(text: string, from: number): number {
  const quote = text[from] === "'" ? "'" : '"';
  const triple = quote.repeat(3);
  if (text.startsWith(triple, from)) return skipMultiLineString(text, from + 3, quote);
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === quote) return at + 1;
    if (text[at] === "\n") return at;
    if (text[at] === "\\" && quote === '"') at++;
  }
  return text.length;
}

function skipMultiLineString(text: string, from: number, quote: string): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === "\\" && quote === '"') at++;
    else if (text.startsWith(quote.repeat(3), at)) {
      // One or two quotes may stand directly before the closing three.
      let end = at + 3;
      while (end < at + 5 && text[end] === quote) end++;
      return end;
    }
  }
  return text.length;
}

/** Behind a value. `isInside` is true for elements of arrays and inline tables, where `,`, `]` and `}` end a scalar. */
export function skipValue(text: string, from: number, isInside: boolean): number {
  const char = text[from];
  if (char === '"' || char === "'") return skipString(text, from);
  if (char === "[" || char === "{") return skipBracketed(text, from);
  let at = from;
  const stop = isInside ? /[,\]}#\n]/ : /[#\n]/;
  while (at < text.length && !stop.test(text[at] as string)) at++;
  while (at > from && /[ \t\r]/.test(text[at - 1] as string)) at--;
  return at;
}

function skipBracketed(text: string, from: number): number {
  let depth = 0;
  let at = from;
  while (at < text.length) {
    const char = text[at];
    if (char === '"' || char === "'") at = skipString(text, at);
    else if (char === "#") at = skipComment(text, at);
    else {
      if (char === "[" || char === "{") depth++;
      else if (char === "]" || char === "}") depth--;
      at++;
      if (depth === 0) return at;
    }
  }
  return text.length;
}
