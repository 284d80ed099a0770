import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createKeyTable } from "../../../../src/core/evidence/otlp/key-table.ts";
import { MAX_PARTS, MAX_SPANS, readSpans } from "../../../../src/core/evidence/otlp/read-spans.ts";
import type { Span } from "../../../../src/core/evidence/otlp/span.ts";
import { OtlpError } from "../../../../src/core/evidence/otlp/wire.ts";
import {
  encodeExport,
  encodeRequest,
  type OtlpAttribute,
  type OtlpSpan,
  readRawExport,
} from "../../../support/otlp.ts";

const wanted = ["image.ref", "http.url", "http.status_code", "url", "exception.message"];
const keys = createKeyTable(wanted);
const latestMs = 2_000_000_000_000;

function read(bytes: Uint8Array): readonly Span[] {
  return readSpans(bytes, { keys, latestMs });
}

const id = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const attribute: fc.Arbitrary<OtlpAttribute> = fc.record({
  key: fc.oneof(fc.constantFrom(...wanted, "http.urls", "image.re"), fc.string({ maxLength: 80 })),
  value: fc.oneof(
    fc.record({ stringValue: fc.string({ unit: "binary", maxLength: 300 }) }),
    fc.record({ intValue: fc.nat() }),
    fc.record({ boolValue: fc.boolean() }),
    fc.record({ doubleValue: fc.double({ noNaN: true }) }),
  ),
});
const time = fc.nat({ max: latestMs }).map((ms) => `${ms}000000`);
const span: fc.Arbitrary<OtlpSpan> = fc.record({
  traceId: id(16),
  spanId: id(8),
  parentSpanId: fc.oneof(id(8), fc.constant(new Uint8Array())),
  name: fc.string({ maxLength: 40 }),
  startTimeUnixNano: time,
  endTimeUnixNano: time,
  attributes: fc.array(attribute, { maxLength: 6 }),
  events: fc.array(
    fc.record({ timeUnixNano: time, name: fc.string(), attributes: fc.array(attribute, { maxLength: 3 }) }),
    { maxLength: 3 },
  ),
  status: fc.record({ code: fc.constantFrom(0, 1, 2), message: fc.string() }),
});

test("reads what another codec writes", () => {
  fc.assert(
    fc.property(fc.array(span, { maxLength: 5 }), (spans) => {
      assert.deepEqual(read(encodeExport(spans)), spans.map(expected));
    }),
    { numRuns: 300 },
  );
});

function expected(span: OtlpSpan): Span {
  const text = (bytes: string | Uint8Array | undefined) =>
    Buffer.from(bytes as Uint8Array).toString("latin1");
  const ms = (nanoseconds: string | undefined) => Number(nanoseconds) / 1e6;
  return {
    traceId: text(span.traceId),
    spanId: text(span.spanId),
    parentId: text(span.parentSpanId),
    name: span.name ?? "",
    startMs: Math.min(ms(span.startTimeUnixNano), ms(span.endTimeUnixNano)),
    endMs: ms(span.endTimeUnixNano),
    attributes: kept(span.attributes),
    events: (span.events ?? []).map((event) => ({
      atMs: ms(event.timeUnixNano),
      name: event.name ?? "",
      attributes: kept(event.attributes),
    })),
    failed: span.status?.code === 2,
    message: span.status?.message ?? "",
  };
}

function kept(attributes: readonly OtlpAttribute[] = []): Map<string, string | number> {
  const found = attributes.filter(
    ({ key, value }) => wanted.includes(key) && (value.stringValue ?? value.intValue) !== undefined,
  );
  return new Map(found.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue)]));
}

const one: OtlpSpan = {
  traceId: Buffer.alloc(16, 1),
  spanId: Buffer.alloc(8, 2),
  name: "a",
  startTimeUnixNano: "1000000",
  endTimeUnixNano: "2500000",
};

test("reads the bytes that a containerd 1.7 sent", () => {
  const spans = read(readRawExport("1.7-missing"));
  const root = spans.find(({ parentId }) => parentId === "");
  assert.equal(root?.name, "pkg.cri.server.PullImage");
  assert.equal(root?.attributes.get("image.ref"), "gcr.io/team/app24:1.0");
  assert.equal(root?.failed, true);
  assert.match(root?.message ?? "", /code = NotFound .*: not found$/);
  const fetch = spans.find(({ name }) => name === "pull.fetch");
  assert.equal(fetch?.events.filter(({ name }) => name.includes("http.StatusNotFound")).length, 2);
  assert.equal(spans.find(({ spanId }) => spanId === fetch?.parentId)?.name, "pull.Pull");
});

test("times stand in milliseconds, and not in the future", () => {
  const [only] = read(encodeExport([one]));
  assert.deepEqual([only?.startMs, only?.endMs], [1, 2.5]);
  const future = encodeExport([
    { ...one, startTimeUnixNano: "9000000000000000000", endTimeUnixNano: "9100000000000000000" },
  ]);
  assert.deepEqual(
    read(future).map(({ startMs, endMs }) => [startMs, endMs]),
    [[latestMs, latestMs]],
  );
});

test("spans of others are left out, wherever their name stands", () => {
  assert.equal(read(encodeExport([one], "containerd")).length, 1);
  assert.equal(read(encodeExport([one], "my-Containerd")).length, 1);
  assert.equal(read(encodeExport([one], "")).length, 1);
  assert.equal(read(encodeExport([one], "dockerd")).length, 0);
  const named = Buffer.from(
    encodeRequest({
      resourceSpans: [{ resource: { attributes: [{ key: "service.name", value: { stringValue: "x" } }] } }],
    }),
  );
  const spans = Buffer.from(encodeRequest({ resourceSpans: [{ scopeSpans: [{ spans: [one] }] }] }));
  // One ResourceSpans with its resource last.
  const both = Buffer.concat([spans.subarray(2), named.subarray(2)]);
  assert.equal(read(Buffer.concat([Buffer.from([0x0a, both.length]), both])).length, 0);
});

test("an attribute's value may stand before its key", () => {
  // KeyValue { value: { string_value: "u" }, key: "url" } as attribute of a span
  const keyValue = Buffer.from([0x12, 3, 0x0a, 1, 0x75, 0x0a, 3, ...Buffer.from("url")]);
  const body = Buffer.concat([
    Buffer.from([0x0a, 16]),
    Buffer.alloc(16, 1),
    Buffer.from([0x12, 8]),
    Buffer.alloc(8, 1),
    Buffer.from([0x4a, keyValue.length]),
    keyValue,
  ]);
  const wrap = (tag: number, inner: Uint8Array) => Buffer.concat([Buffer.from([tag, inner.length]), inner]);
  const [only] = read(wrap(0x0a, wrap(0x12, wrap(0x12, body))));
  assert.deepEqual(only?.attributes, new Map([["url", "u"]]));
});

test("what is cut, or is no export, is refused", () => {
  const whole = encodeExport([{ ...one, attributes: [{ key: "url", value: { stringValue: "http://m/" } }] }]);
  assert.equal(read(whole).length, 1);
  for (let length = 1; length < whole.length; length++) refused(whole.subarray(0, length), "invalid");
  for (const bytes of [
    [0x00],
    [0x0b],
    [0x0f],
    [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
    [...Buffer.from("<html>")],
    [...Buffer.from('{"resourceSpans":[]}')],
  ])
    refused(Uint8Array.from(bytes), "invalid");
  refused(encodeExport([{ name: "without ids" }]), "invalid");
  refused(encodeExport([{ ...one, traceId: Buffer.alloc(17) }]), "invalid");
  assert.deepEqual(read(new Uint8Array()), []);
});

test("more spans, events or attributes than are read are refused", () => {
  const some = (count: number) => encodeExport(Array.from({ length: count }, () => one));
  assert.equal(read(some(MAX_SPANS)).length, MAX_SPANS);
  refused(some(MAX_SPANS + 1), "too-large");
  const events = (count: number) =>
    encodeExport([{ ...one, events: Array.from({ length: count }, () => ({})) }]);
  assert.equal(read(events(MAX_PARTS))[0]?.events.length, MAX_PARTS);
  refused(events(MAX_PARTS + 1), "too-large");
  const same = { key: "url", value: { intValue: 1 } };
  refused(
    encodeExport([{ ...one, attributes: Array.from({ length: MAX_PARTS + 1 }, () => same) }]),
    "too-large",
  );
});

test("a long text is cut, and one with foreign letters read whole", () => {
  const attributes = (stringValue: string) => [{ key: "url", value: { stringValue } }];
  const value = (text: string) =>
    read(encodeExport([{ ...one, attributes: attributes(text) }]))[0]?.attributes.get("url");
  assert.equal(value("x".repeat(100_000)), "x".repeat(4096));
  assert.equal(value("ä€𝄞"), "ä€𝄞");
});

function refused(bytes: Uint8Array, code: OtlpError["code"]): void {
  assert.throws(
    () => read(bytes),
    (error) => error instanceof OtlpError && error.code === code,
    Buffer.from(bytes.subarray(0, 64)).toString("hex"),
  );
}
