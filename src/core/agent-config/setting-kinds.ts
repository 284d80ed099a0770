import { cleanPath } from "../containerd/go-path.ts";
import { isLoopbackHost } from "../containerd/loopback.ts";
import { isLabelKey, isLabelValue, isNodeName } from "../signing/selector.ts";
import { readInlineKey } from "../signing/trusted-keys.ts";
import { encodeTomlString, encodeTomlStrings } from "../toml/encode-toml.ts";
import type { TomlValue } from "../toml/parse-toml.ts";
import { formatDuration, parseDuration } from "./duration.ts";
import { parseHostPort } from "./listen-address.ts";

/** What a setting's value may be, and how it is read from TOML, from plain text, and shown again. */
export interface SettingKind<T> {
  /** Completes "must be …". */
  readonly expected: string;
  /** Undefined when the value is not of this kind. */
  fromToml(value: TomlValue): T | undefined;
  /** For flags and environment variables. */
  fromText(text: string): T | undefined;
  toToml(value: T): string;
}

export const absolutePath = textKind("an absolute path without ..", isAbsolutePath, cleanAbsolute);

export const optionalPath = textKind(
  'an absolute path without .., or "" for none',
  (text) => text === "" || isAbsolutePath(text),
  cleanAbsolute,
);

export const programName = textKind(
  "a program name or an absolute path without ..",
  (text) => isAbsolutePath(text) || /^[A-Za-z0-9_][A-Za-z0-9._+-]*$/.test(text),
  cleanAbsolute,
);

export const listenAddress = textKind(
  "host:port, such as 127.0.0.1:9478 or [::1]:9478",
  (text) => parseHostPort(text) !== undefined,
);

export const optionalListenAddress = textKind(
  'host:port, such as 127.0.0.1:9479, or "" for none',
  (text) => text === "" || parseHostPort(text) !== undefined,
);

/** IPv4: containerd 1.x cannot read a host table of an IPv6 literal. */
export const loopbackAddress = textKind(
  "an IPv4 loopback address with a port, such as 127.0.0.1:478",
  (text) => {
    const wanted = parseHostPort(text);
    return (
      wanted !== undefined && /^127\./.test(wanted.host) && isLoopbackHost(wanted.host) && wanted.port > 0
    );
  },
);

export const optionalPeer = textKind(
  'host:port, unix:/path, or "" for none',
  (text) =>
    text === "" ||
    parseHostPort(text) !== undefined ||
    (text.startsWith("unix:") && isAbsolutePath(text.slice(5))),
);

export const boolean: SettingKind<boolean> = {
  expected: "true or false",
  fromToml: (value) => (typeof value === "boolean" ? value : undefined),
  fromText: (text) => (text === "true" ? true : text === "false" ? false : undefined),
  toToml: String,
};

export const booleanOrAuto: SettingKind<boolean | "auto"> = {
  expected: 'true, false or "auto"',
  fromToml: (value) => (value === "auto" ? value : boolean.fromToml(value)),
  fromText: (text) => (text === "auto" ? text : boolean.fromText(text)),
  toToml: (value) => (value === "auto" ? encodeTomlString(value) : boolean.toToml(value)),
};

export function choice<const T extends string>(...values: readonly T[]): SettingKind<T> {
  const find = (text: TomlValue) => values.find((value) => value === text);
  const quoted = values.map((value) => `"${value}"`);
  return {
    expected: `${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1)}`,
    fromToml: find,
    fromText: find,
    toToml: encodeTomlString,
  };
}

/** Milliseconds, written as `30s` or `5m`. */
export function duration(minMs: number, maxMs: number): SettingKind<number> {
  const read = (text: string) => {
    const durationMs = parseDuration(text);
    return durationMs !== undefined && durationMs >= minMs && durationMs <= maxMs ? durationMs : undefined;
  };
  return {
    expected: `a duration such as "30s" or "5m", from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`,
    fromToml: (value) => (typeof value === "string" ? read(value) : undefined),
    fromText: read,
    toToml: (value) => encodeTomlString(formatDuration(value)),
  };
}

export function integer(min: number, max: number): SettingKind<number> {
  const check = (value: number) =>
    Number.isInteger(value) && value >= min && value <= max ? value : undefined;
  return {
    expected: `a whole number from ${min} to ${max}`,
    fromToml: (value) => (typeof value === "number" ? check(value) : undefined),
    fromText: (text) => (/^\d{1,9}$/.test(text) ? check(Number(text)) : undefined),
    toToml: String,
  };
}

/** As text: a JSON array, or words separated by blanks. */
export function textList(expected: string, isValid: (list: readonly string[]) => boolean) {
  const check = (list: unknown): readonly string[] | undefined =>
    Array.isArray(list) && list.length <= 64 && list.every(isPlainText) && isValid(list) ? list : undefined;
  return {
    expected,
    fromToml: check,
    fromText: (text) => check(text.trimStart().startsWith("[") ? parseJson(text) : splitWords(text)),
    toToml: encodeTomlStrings,
  } satisfies SettingKind<readonly string[]>;
}

/** Paths of PEM files, and keys as they are. */
export const publicKeys: SettingKind<readonly string[]> = textList(
  'a list of paths of public keys, or of keys such as "ed25519:…="',
  (list) => list.every((entry) => isAbsolutePath(entry) || readInlineKey(entry) !== undefined),
);

const NAME = "letters, digits, dots, dashes and underscores";

export const nodeName = textKind(NAME, isNodeName);

export const optionalName = textKind(`${NAME}, or "" for none`, (text) => text === "" || isNodeName(text));

export const nodeLabels: SettingKind<readonly string[]> = textList(
  'a list of labels such as "class=gpu", each key once',
  (list) => readLabels(list) !== undefined,
);

/** Undefined where one is no label, or stands twice. */
export function readLabels(list: readonly string[]): Readonly<Record<string, string>> | undefined {
  const pairs = list.map((entry) => /^([^=]*)=([^=]*)$/.exec(entry)?.slice(1) ?? []);
  const isValid = pairs.every(([key = "", value = ""]) => isLabelKey(key) && isLabelValue(value));
  const isUnique = new Set(pairs.map(([key]) => key)).size === pairs.length;
  return isValid && isUnique ? Object.fromEntries(pairs) : undefined;
}

export function textKind(
  expected: string,
  isValid: (text: string) => boolean,
  normalise: (text: string) => string = (text) => text,
): SettingKind<string> {
  const check = (value: TomlValue) =>
    typeof value === "string" && isPlainText(value) && isValid(value) ? normalise(value) : undefined;
  return { expected, fromToml: check, fromText: check, toToml: encodeTomlString };
}

function isAbsolutePath(text: string): boolean {
  return text.startsWith("/") && text.length <= 4096 && !text.split("/").includes("..");
}

/** Paths are compared as text (is this file directly below certs_d?), so each directory has one spelling. */
function cleanAbsolute(text: string): string {
  return text.startsWith("/") ? cleanPath(text) : text;
}

// Values reach logs, argument lists and other files: no control characters, nothing that UTF-8 cannot hold.
function isPlainText(value: unknown): value is string {
  return typeof value === "string" && !/[\u0000-\u001f\u007f-\u009f\p{Surrogate}]/u.test(value);
}

function splitWords(text: string): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
