/** One way to authenticate that a registry offers in `WWW-Authenticate`. */
export interface Challenge {
  /** Lower case: `basic`, `bearer`, … */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

/**
 * Parses the values of `WWW-Authenticate` headers, several challenges in one value included.
 * Grammar: https://www.rfc-editor.org/rfc/rfc9110#name-www-authenticate. What is malformed is left out.
 */
export function parseChallenges(values: readonly string[]): readonly Challenge[] {
  return values.flatMap(parseValue);
}

const PIECE =
  /\s*,?\s*(?:([\w!#$%&'*+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([\w!#$%&'*+.^`|~:/?=-]+))|([\w!#$%&'*+.^`|~-]+)(?=\s|,|$))/y;

function parseValue(value: string): readonly Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  PIECE.lastIndex = 0;
  while (PIECE.lastIndex < value.length) {
    const match = PIECE.exec(value);
    if (match === null) break;
    const [, name, quoted, token, scheme] = match;
    if (scheme !== undefined) challenges.push({ scheme: scheme.toLowerCase(), parameters: new Map() });
    else if (name !== undefined) {
      const text = quoted === undefined ? (token ?? "") : quoted.replace(/\\(.)/g, "$1");
      challenges.at(-1)?.parameters.set(name.toLowerCase(), text);
    }
  }
  return challenges;
}
