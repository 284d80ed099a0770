import type { KeyTable } from "./key-table.ts";
import { readAttribute, readServiceName } from "./read-attribute.ts";
import type { Attributes, Span, SpanEvent } from "./span.ts";
import {
  type Cursor,
  enter,
  invalid,
  leave,
  OtlpError,
  readId,
  readNanoseconds,
  readTag,
  readText,
  readVarint,
  skip,
} from "./wire.ts";

export interface ReadSpansOptions {
  /** Keys of the attributes that are kept; all others cost next to nothing. */
  readonly keys: KeyTable;
  /** Nothing ended after this moment; what says so ended now. */
  readonly latestMs: number;
}

/** Of one export; containerd's own sends at most 512 spans with 128 events each. */
export const MAX_SPANS = 16_384;
/** Events and attributes that are kept, of one export. */
export const MAX_PARTS = 131_072;
export const MAX_TEXT_BYTES = 4096;

/**
 * The spans of containerd in an ExportTraceServiceRequest, read straight from the wire: a parser that builds every
 * message first turns 16 MiB of hostile bytes into a gigabyte of objects. Spans of services that do not call
 * themselves containerd are left out. Throws OtlpError.
 * Format: proto/otlp-trace.proto
 */
export function readSpans(bytes: Uint8Array, options: ReadSpansOptions): readonly Span[] {
  const cursor: Cursor = { bytes, at: 0, end: bytes.length };
  const reading: Reading = { cursor, options, spans: [], spanCount: 0, partCount: 0 };
  while (cursor.at < cursor.end) {
    const tag = readTag(cursor);
    if (tag === REQUEST_RESOURCE_SPANS) readResourceSpans(reading);
    else skip(cursor, tag);
  }
  return reading.spans;
}

interface Reading {
  readonly cursor: Cursor;
  readonly options: ReadSpansOptions;
  readonly spans: Span[];
  spanCount: number;
  partCount: number;
}

const lengthDelimited = (field: number): number => (field << 3) | 2;
const fixed64 = (field: number): number => (field << 3) | 1;
const varint = (field: number): number => field << 3;

const REQUEST_RESOURCE_SPANS = lengthDelimited(1);
const RESOURCE = lengthDelimited(1);
const RESOURCE_SCOPE_SPANS = lengthDelimited(2);
const SCOPE_SPAN = lengthDelimited(2);
const TRACE_ID = lengthDelimited(1);
const SPAN_ID = lengthDelimited(2);
const PARENT_ID = lengthDelimited(4);
const NAME = lengthDelimited(5);
const START = fixed64(7);
const END = fixed64(8);
const ATTRIBUTE = lengthDelimited(9);
const EVENT = lengthDelimited(11);
const STATUS = lengthDelimited(15);
const EVENT_TIME = fixed64(1);
const EVENT_NAME = lengthDelimited(2);
const EVENT_ATTRIBUTE = lengthDelimited(3);
const STATUS_MESSAGE = lengthDelimited(2);
const STATUS_CODE = varint(3);
const CODE_ERROR = 2;

/** The resource says whose spans these are; it need not come first. */
function readResourceSpans(reading: Reading): void {
  const { cursor } = reading;
  const outer = enter(cursor);
  const start = cursor.at;
  let service = "";
  while (cursor.at < cursor.end) {
    const tag = readTag(cursor);
    if (tag === RESOURCE) service = readServiceName(cursor);
    else skip(cursor, tag);
  }
  const isContainerd = service === "" || service.toLowerCase().includes("containerd");
  if (isContainerd) cursor.at = start;
  while (cursor.at < cursor.end) {
    const tag = readTag(cursor);
    if (tag === RESOURCE_SCOPE_SPANS) readScopeSpans(reading);
    else skip(cursor, tag);
  }
  leave(cursor, outer);
}

function readScopeSpans(reading: Reading): void {
  const { cursor, spans } = reading;
  const outer = enter(cursor);
  while (cursor.at < cursor.end) {
    const tag = readTag(cursor);
    if (tag !== SCOPE_SPAN) skip(cursor, tag);
    else {
      if (++reading.spanCount > MAX_SPANS) throw tooLarge(`more than ${MAX_SPANS} spans`);
      spans.push(readSpan(reading));
    }
  }
  leave(cursor, outer);
}

const noAttributes: Attributes = new Map();
const noEvents: readonly SpanEvent[] = [];

function readSpan(reading: Reading): Span {
  const { cursor, options } = reading;
  const outer = enter(cursor);
  let traceId = "";
  let spanId = "";
  let parentId = "";
  let name = "";
  let startMs = 0;
  let endMs = 0;
  let attributes: Map<string, string | number> | undefined;
  let events: SpanEvent[] | undefined;
  const status = { failed: false, message: "" };
  while (cursor.at < cursor.end) {
    const tag = readTag(cursor);
    if (tag === TRACE_ID) traceId = readId(cursor);
    else if (tag === SPAN_ID) spanId = readId(cursor);
    else if (tag === PARENT_ID) parentId = readId(cursor);
    else if (tag === NAME) name = readText(cursor, MAX_TEXT_BYTES);
    else if (tag === START) startMs = readNanoseconds(cursor);
    else if (tag === END) endMs = readNanoseconds(cursor);
    else if (tag === ATTRIBUTE) attributes = keepAttribute(reading, attributes);
    else if (tag === EVENT) {
      countPart(reading);
      events ??= [];
      events.push(readEvent(reading));
    } else if (tag === STATUS) readStatus(cursor, status);
    else skip(cursor, tag);
  }
  leave(cursor, outer);
  if (traceId === "" || spanId === "") throw invalid("a span has no id");
  endMs = Math.min(endMs, options.latestMs);
  return {
    traceId,
    spanId,
    parentId,
    name,
    startMs: Math.min(startMs, endMs),
    endMs,
    attributes: attributes ?? noAttributes,
    events: events ?? noEvents,
    failed: status.failed,
    message: status.message,
  };
}

function readEvent(reading: Reading): SpanEvent {
  const { cursor } = reading;
  const outer = enter(cursor);
  let atMs = 0;
  let name = "";
  let attributes: Map<string, string | number> | undefined;
  while (cursor.at < cursor.end) {
    const tag = readTag(cursor);
    if (tag === EVENT_TIME) atMs = Math.min(readNanoseconds(cursor), reading.options.latestMs);
    else if (tag === EVENT_NAME) name = readText(cursor, MAX_TEXT_BYTES);
    else if (tag === EVENT_ATTRIBUTE) attributes = keepAttribute(reading, attributes);
    else skip(cursor, tag);
  }
  leave(cursor, outer);
  return { atMs, name, attributes: attributes ?? noAttributes };
}

function readStatus(cursor: Cursor, status: { failed: boolean; message: string }): void {
  const outer = enter(cursor);
  while (cursor.at < cursor.end) {
    const tag = readTag(cursor);
    if (tag === STATUS_MESSAGE) status.message = readText(cursor, MAX_TEXT_BYTES);
    else if (tag === STATUS_CODE) status.failed = readVarint(cursor) === CODE_ERROR;
    else skip(cursor, tag);
  }
  leave(cursor, outer);
}

function keepAttribute(
  reading: Reading,
  found: Map<string, string | number> | undefined,
): Map<string, string | number> | undefined {
  const { key, value } = readAttribute(reading.cursor, reading.options.keys, MAX_TEXT_BYTES);
  if (value === undefined) return found;
  countPart(reading);
  return (found ?? new Map<string, string | number>()).set(key, value);
}

function countPart(reading: Reading): void {
  if (++reading.partCount > MAX_PARTS) throw tooLarge(`more than ${MAX_PARTS} events and attributes`);
}

function tooLarge(what: string): OtlpError {
  return new OtlpError("too-large", `the export holds ${what}`);
}
