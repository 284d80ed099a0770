import { type LogLine, parseLogLine } from "../../../containerd/parse-log-line.ts";

/** One thing that a text says: a line of containerd's log, an event of Kubernetes, or an error as it is. */
export interface Statement {
  /**
   * On one line, quotes as they were before others quoted them. Two of them where it stood on several lines: put
   * together with and without a space, for it may have been broken in the middle of a word.
   */
  readonly texts: readonly string[];
  /** Of containerd's log; undefined where it is not one of its lines. */
  readonly log?: LogLine;
}

/** A journal of a day is not read: what went wrong stands at its end, and is pasted. */
const MAX_LINES = 20_000;
const MAX_STATEMENT = 8_192;

/** Takes a pasted text apart. What stands on several lines because a terminal or an editor broke it is put together. */
export function splitStatements(text: string): readonly Statement[] {
  const statements: Statement[] = [];
  let open: string[] = [];
  const close = (): void => {
    if (open.length > 0) statements.push({ texts: joinLines(open) });
    open = [];
  };
  for (const line of text.replace(COLORS, "").split(/\r?\n/, MAX_LINES)) {
    const log = readLogLine(line);
    if (log !== undefined) {
      close();
      statements.push({ texts: [textOfLog(log)], log });
      continue;
    }
    if (line.trim() === "" || BEGINNING.test(line)) close();
    if (line.trim() !== "") open.push(line.trim());
  }
  close();
  return statements;
}

/** What programs and pagers put around words on a terminal: colours, links, titles. */
const COLORS = /\u001b(?:\[[\d;:?]{0,32}[ -/]{0,4}[@-~]|\][^\u0007\u001b\n]{0,2048}(?:\u0007|\u001b\\))/g;

/** How events, klog's lines and errors begin. What does not begin like this goes on with what stands above it. */
const BEGINNING =
  /^\s*(?:Normal|Warning)\s+\w+|^\s*[EWIF]\d{4} \d\d:|^\s*(?:FATA|ERRO|WARN|INFO)\[|rpc error: |[Ff]ailed to pull |[Ff]ailed to create pod sandbox|^\s*(?:Error|error|ctr|crictl): |^(?:[A-Z][a-z]{2} [ \d]\d \d\d:|\d{4}-\d\d-\d\dT)/;

/** journald, kubectl logs and syslog put something in front. */
function readLogLine(line: string): LogLine | undefined {
  const start = line.search(/time="|level=(?:info|warning|error|debug|fatal|panic)\b|\{"/);
  return start < 0 ? undefined : parseLogLine(line.slice(start));
}

function textOfLog({ message, fields }: LogLine): string {
  const { error, key, plugin } = fields;
  const more = [
    ...(key === undefined ? [] : [` key=${key}`]),
    ...(plugin === undefined ? [] : [` plugin=${plugin}`]),
    ...(error === undefined ? [] : [`: ${error}`]),
  ];
  return clean(message + more.join(""));
}

function joinLines(lines: readonly string[]): readonly string[] {
  return [...new Set([lines.join(" "), lines.join("")].map(clean))];
}

/** Every program on the way quotes again what it passes on: `\\\"https://…\\\"`. */
function clean(text: string): string {
  return text.slice(0, MAX_STATEMENT).replace(/\\+"/g, '"').replace(/\\+n/g, " ").replace(/\s+/g, " ").trim();
}
