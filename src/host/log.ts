import { writeSync } from "node:fs";
import pino from "pino";
import type { Log, LogFields } from "../agent/ports.ts";
import { isSecretName, masked, redactSecrets } from "../core/redact-secrets.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

export type LogForm = "json" | "terminal" | "journal";

export interface LogOptions {
  readonly level: LogLevel;
  /** JSON for machines; lines to read for a terminal, and for the journal, which notes time and priority itself. */
  readonly form: LogForm;
  readonly color: boolean;
  /** Takes whole lines; by default they go to stderr. */
  readonly write?: (line: string) => void;
}

/** One line an event: JSON for machines, `time level message key=value` for people. Secrets are masked. */
export function createLog({ level, form, color, write: sink = writeStderr }: LogOptions): Log {
  const write = (text: string): void => sink(escapeInvisible(text));
  const destination = form === "json" ? write : (line: string) => write(renderLine(line, form, color));
  const logger = pino(
    {
      level,
      base: null,
      messageKey: "message",
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: destination },
  );
  const at = (severity: LogLevel) => (fields: LogFields, message: string) => {
    if (logger.isLevelEnabled(severity)) logger[severity](redactFields(fields), redactSecrets(message));
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

// Logging must neither block for long nor fail: a closed pipe or a full journal is no reason to stop working.
function writeStderr(line: string): void {
  try {
    writeSync(2, line);
  } catch {
    // There is nowhere left to say it.
  }
}

function redactFields(fields: LogFields): Record<string, unknown> {
  const safe: Record<string, unknown> = Object.create(null);
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) safe[name] = isSecretName(name) ? masked : redactValue(value);
  }
  return safe;
}

function redactValue(value: NonNullable<LogFields[string]>): unknown {
  if (typeof value === "string") return redactSecrets(value);
  return typeof value === "object" ? value.map(redactSecrets) : value;
}

const colors: Readonly<Record<string, number>> = { debug: 90, info: 36, warn: 33, error: 31 };

/** Of sd-daemon(3). */
const priorities: Readonly<Record<string, number>> = { debug: 7, info: 6, warn: 4, error: 3 };

function renderLine(line: string, form: LogForm, color: boolean): string {
  const { level, time, message, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const paint = (code: number, text: string) => (color ? `\u001b[${code}m${text}\u001b[0m` : text);
  const label = String(level).padEnd(5);
  const pairs = Object.entries(fields).map(
    ([name, value]) => ` ${paint(90, `${name}=`)}${renderValue(value)}`,
  );
  if (form === "journal")
    return `<${priorities[String(level)] ?? 6}>${escapeControls(String(message))}${pairs.join("")}\n`;
  const clock = String(time).slice(11, 19);
  return `${paint(90, clock)} ${paint(colors[String(level)] ?? 0, label)} ${escapeControls(String(message))}${pairs.join("")}\n`;
}

function renderValue(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return escapeControls(/[\s"=]/.test(text) && typeof value === "string" ? JSON.stringify(text) : text);
}

// A registry's answer must not move the cursor or fake a line of ours.
function escapeControls(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/**
 * What a terminal could take for a command (DEL, C1) or shows in another order or on another line (marks and overrides
 * of direction, separators of lines) is written as in JSON, wherever it stands: `\u202e`. Nothing else has a use for it.
 */
function escapeInvisible(text: string): string {
  return text.replace(
    /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
