const HEADER_WITH_TEXT = /^([ \t]*\[(?:"[^"\n]*"|'[^'\n]*'|[^\]["'\n])*\])[ \t]*(?=[^\s#\]])/;

/**
 * go-toml v1 takes `[table] key = 1` and `[a] [b]` on one line; TOML does not. Puts what follows a header on a line of
 * its own; `lineOf` gives the line in the text as written. Only for text that is not TOML as it stands.
 */
export function splitLinesAfterHeaders(text: string): {
  readonly text: string;
  readonly lineOf: (line: number) => number;
} {
  const origin: number[] = [];
  const lines: string[] = [];
  text.split("\n").forEach((line, index) => {
    let rest = line;
    for (let header = HEADER_WITH_TEXT.exec(rest)?.[1]; header !== undefined; ) {
      lines.push(header);
      origin.push(index + 1);
      rest = rest.slice(header.length);
      header = HEADER_WITH_TEXT.exec(rest)?.[1];
    }
    lines.push(rest);
    origin.push(index + 1);
  });
  return { text: lines.join("\n"), lineOf: (line) => origin[line - 1] ?? line };
}
