/** One line of containerd's log. */
export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, string>>;
}

const MAX_FIELDS = 64;

/**
 * Reads a line as logrus writes it, in its text format (`level=info msg="…" host="…"`) or as JSON; undefined for
 * anything else, such as a panic. https://github.com/sirupsen/logrus
 */
export function parseLogLine(text: string): LogLine | undefined {
  const all = text.startsWith("{") ? parseJsonLine(text) : parseTextLine(text);
  if (all === undefined) return undefined;
  const { level, msg, time: _time, ...fields } = all;
  return level === undefined || msg === undefined ? undefined : { level, message: msg, fields };
}

function parseJsonLine(text: string): Record<string, string> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const entries = Object.entries(value).slice(0, MAX_FIELDS);
  return Object.fromEntries(entries.map(([key, each]) => [key, String(each)]));
}

/** Keys are bare; values are bare, or quoted by Go's `%q`. */
function parseTextLine(text: string): Record<string, string> | undefined {
  const pair = /\s*([\w.-]+)=("(?:[^"\\]|\\.)*"|[^\s"]*)/y;
  const pairs: [string, string][] = [];
  for (let match = pair.exec(text); match !== null && pairs.length < MAX_FIELDS; match = pair.exec(text)) {
    const [, key = "", value = ""] = match;
    pairs.push([key, value.startsWith('"') ? unquote(value) : value]);
  }
  return pairs.length === 0 ? undefined : Object.fromEntries(pairs);
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };

// Of Go's other escapes, those of control characters, nothing that is read here has any.
function unquote(quoted: string): string {
  return quoted.slice(1, -1).replace(/\\(.)/g, (_all, char: string) => ESCAPES[char] ?? char);
}
