import { isWellFormed } from "../desired-state/text.ts";
import { type JsonDocument, readFields, readString } from "./json-reader.ts";
import type { JsonNode } from "./json-text.ts";
import { readSelector } from "./read-selector.ts";
import { isNodeName, type Selector } from "./selector.ts";

export const PAYLOAD_TYPE = "application/vnd.mirrorlet.signed-state.v1+json";

/** What has been signed: a desired state, for whom, since when and until when, and its place among others. */
export interface SignedState {
  readonly fleet: string;
  readonly channel: string;
  readonly audience: Selector;
  /** Orders the states of a fleet's channel; from 1. */
  readonly serial: number;
  /** Once this is in force and well, states below it are refused for ever. */
  readonly floorSerial: number;
  /** ms since the epoch; undefined: at once. */
  readonly notBeforeMs: number | undefined;
  /** ms since the epoch; from then on it is not put in force any more. */
  readonly expiresMs: number;
  /** The text of the desired state as it was written. */
  readonly desiredState: string;
  /** How its author calls the file, for messages. */
  readonly name: string;
}

/** Throws a Refusal. Only for a payload whose signatures suffice. */
export function readSignedState(document: JsonDocument): SignedState {
  const fields = readFields(
    document.root,
    "the signed state",
    document,
    ["schema", "fleet", "channel", "audience", "serial", "floorSerial", "expires", "desiredState", "name"],
    ["notBefore"],
  );
  if (fields.schema.kind !== "scalar" || fields.schema.value !== 1)
    throw document.refuse(fields.schema, "its schema is not 1: it was made for another version of mirrorlet");
  const serial = readSerial(fields.serial, "serial", document);
  const floorSerial = readSerial(fields.floorSerial, "floorSerial", document);
  if (floorSerial > serial)
    throw document.refuse(fields.floorSerial, "floorSerial is above serial: it would close itself out");
  const expiresMs = readTime(fields.expires, "expires", document);
  const notBeforeMs = fields.notBefore && readTime(fields.notBefore, "notBefore", document);
  if (notBeforeMs !== undefined && notBeforeMs >= expiresMs)
    throw document.refuse(fields.expires, "it expires before it may be used (notBefore)");
  return {
    fleet: readName(fields.fleet, "fleet", document),
    channel: readName(fields.channel, "channel", document),
    audience: readSelector(fields.audience, document),
    serial,
    floorSerial,
    notBeforeMs,
    expiresMs,
    desiredState: readDesiredState(fields.desiredState, document),
    name: readFileName(fields.name, document),
  };
}

/** The payload: bytes that are signed as they are, and never made again from what was read. */
export function writeSignedState(state: SignedState): Uint8Array {
  const { fleet, channel, audience, serial, floorSerial, notBeforeMs, expiresMs, desiredState, name } = state;
  const time = (ms: number) => new Date(ms).toISOString().replace(".000Z", "Z");
  const document = {
    schema: 1,
    fleet,
    channel,
    audience,
    serial,
    floorSerial,
    ...(notBeforeMs === undefined ? {} : { notBefore: time(notBeforeMs) }),
    expires: time(expiresMs),
    desiredState,
    name,
  };
  return new TextEncoder().encode(JSON.stringify(document));
}

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

/** ms since the epoch of a time as RFC 3339 has it; undefined when it is none, a 30th of February included. */
export function parseTime(text: string): number | undefined {
  if (!RFC_3339.test(text)) return undefined;
  const ms = Date.parse(text);
  // Date.parse takes 30 February for 1 March.
  const day = new Date(`${text.slice(0, 10)}T00:00:00Z`);
  const isDay = !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text.slice(0, 10));
  return Number.isNaN(ms) || !isDay ? undefined : ms;
}

// An escaped lone surrogate is JSON, but no text that could be written to a file.
function readDesiredState(node: JsonNode, document: JsonDocument): string {
  const text = readString(node, "desiredState", document);
  if (isWellFormed(text)) return text;
  throw document.refuse(node, "desiredState is not Unicode text");
}

function readSerial(node: JsonNode, what: string, document: JsonDocument): number {
  if (node.kind === "scalar" && Number.isSafeInteger(node.value) && Number(node.value) >= 1)
    return Number(node.value);
  throw document.refuse(node, `${what} must be a whole number from 1 to ${Number.MAX_SAFE_INTEGER}`);
}

function readTime(node: JsonNode, what: string, document: JsonDocument): number {
  const ms = parseTime(readString(node, what, document));
  if (ms === undefined) throw document.refuse(node, `${what} must be a time such as 2026-01-31T08:00:00Z`);
  return ms;
}

function readName(node: JsonNode, what: string, document: JsonDocument): string {
  const text = readString(node, what, document);
  if (isNodeName(text)) return text;
  throw document.refuse(node, `${what} must be letters, digits, dots, dashes and underscores`);
}

/** Ends up in messages: a plain file name and nothing else. */
export function isStateName(text: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9._+-]{0,127}$/.test(text);
}

function readFileName(node: JsonNode, document: JsonDocument): string {
  const text = readString(node, "name", document);
  if (isStateName(text)) return text;
  throw document.refuse(node, "name must be a plain file name");
}
