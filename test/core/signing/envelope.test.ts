import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeBytes, encodeBytes } from "../../../src/core/signing/decode-bytes.ts";
import { isEnvelope, readEnvelope, writeEnvelope } from "../../../src/core/signing/envelope.ts";
import { writeSignedState } from "../../../src/core/signing/signed-state.ts";
import { envelopeOf, signDocument, signedState, testKey } from "./sign.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const key = testKey(1);
const whole = signDocument(signedState(), [key]);
const document = JSON.parse(new TextDecoder().decode(whole));
const [signature] = document.signatures;

function refusal(content: unknown, maxBytes?: number): string {
  const text = typeof content === "string" ? content : JSON.stringify(content);
  const read = readEnvelope(bytes(text), "s.json", maxBytes);
  assert.ok(!read.ok, text.slice(0, 200));
  assert.equal(read.issue.code, "signed-envelope");
  const { file, line, column } = read.issue.at;
  return `${file}:${line}:${column}: ${read.issue.message}`;
}

test("an envelope is read back as it was written", () => {
  const envelope = envelopeOf(writeSignedState(signedState()), [key, testKey(2)]);
  const read = readEnvelope(writeEnvelope(envelope), "s.json");
  assert.ok(read.ok);
  assert.deepEqual(read.envelope, envelope);
});

test("an envelope that is not strictly one is refused, with the place", () => {
  const cases: readonly (readonly [unknown, RegExp])[] = [
    ["", /s\.json:1:1: .*ends too early/],
    ["\ufeff{}", /s\.json:1:1: .*no JSON value/],
    ["[]", /must be an object/],
    [{ ...document, extra: 1 }, /key that is not known: "extra"/],
    [{ ...document, "\u202e": 1 }, /not known: "\?"/],
    [{ payloadType: "x", payload: "" }, /has no signatures/],
    [{ ...document, payloadType: 3 }, /payloadType must be text/],
    [{ ...document, payload: null }, /payload must be text/],
    [{ ...document, payload: "!" }, /payload is not base64/],
    [{ ...document, signatures: {} }, /signatures must be a list/],
    [{ ...document, signatures: [] }, /nobody has signed/],
    [{ ...document, signatures: [{ sig: "x" }] }, /a signature has no keyid/],
    [{ ...document, signatures: [{ ...signature, cert: "x" }] }, /not known: "cert"/],
    [{ ...document, signatures: [{ ...signature, keyid: "AB".repeat(32) }] }, /lower-case hex/],
    [{ ...document, signatures: [{ ...signature, keyid: "" }] }, /lower-case hex/],
    [{ ...document, signatures: [{ ...signature, sig: "AAAA" }] }, /64 bytes of Ed25519/],
    [{ ...document, signatures: [signature, signature] }, /second signature by the same key/],
    [
      { ...document, signatures: [signature, { ...signature, sig: encodeBytes(new Uint8Array(64)) }] },
      /same key/,
    ],
    [`{"payloadType":"a","payloadType":"b","payload":"","signatures":[]}`, /s\.json:1:20: .*second time/],
    [
      `{\n  "payload": "",\n  "payloadType": 1,\n  "signatures": []\n}`,
      /s\.json:4:17: signatures is empty|s\.json:3:18: payloadType must be text/,
    ],
  ];
  for (const [content, expected] of cases) assert.match(refusal(content), expected);
});

test("a huge number of signatures is refused before one is looked at", () => {
  const many = Array.from({ length: 65 }, (_, index) => ({
    ...signature,
    keyid: index.toString(16).padStart(64, "0"),
  }));
  assert.match(refusal({ ...document, signatures: many }), /more than 64 signatures/);
  const more = Array.from({ length: 10_000 }, () => signature);
  assert.match(refusal({ ...document, signatures: more }), /more than 1000 keys and values/);
});

test("an envelope over its limit is refused by its size, whatever it holds", () => {
  assert.match(refusal("x".repeat(4 * 2 ** 20 + 1)), /4194305 bytes, more than the 4194304/);
  assert.match(refusal(document, 256), /more than the 256/);
});

test("bytes that are not UTF-8 are refused", () => {
  const changed = whole.slice();
  changed[5] = 0xff;
  const read = readEnvelope(changed, "s.json");
  assert.ok(!read.ok);
  assert.match(read.issue.message, /not UTF-8/);
});

test("an envelope cut at any length is none", () => {
  for (let length = 0; length < whole.length - 1; length += 1) {
    assert.equal(readEnvelope(whole.subarray(0, length), "s.json").ok, false, `cut at ${length}`);
  }
  assert.equal(
    readEnvelope(whole.subarray(0, whole.length - 1), "s.json").ok,
    true,
    "only the line end is gone",
  );
});

test("base64: both alphabets of DSSE, one text for the same bytes, and nothing loose", () => {
  const value = Uint8Array.of(0xfb, 0xff, 0xfe, 0x01);
  assert.equal(encodeBytes(value), "+//+AQ==");
  assert.deepEqual(decodeBytes("+//+AQ=="), value);
  assert.deepEqual(decodeBytes("-__-AQ=="), value);
  assert.deepEqual(decodeBytes(""), new Uint8Array(0));
  const wrong = [
    "+//+AQ",
    "+//+AQ=",
    "+__+AQ==",
    "+//+\nAQ==",
    " +//+AQ==",
    "+//+AR==",
    "+//+AQ==AAAA",
    "====",
    "A===",
    "+//+AQ\u00ad=",
    "+//+AQ%3D",
  ];
  for (const text of wrong) assert.equal(decodeBytes(text), undefined, text);
});

test("base64: bytes of any length come back", () => {
  for (const length of [1, 2, 3, 8191, 8192, 8193, 300_000]) {
    const value = Uint8Array.from({ length }, (_, index) => (index * 31) & 0xff);
    assert.deepEqual(decodeBytes(encodeBytes(value)), value);
  }
});

test("what means to be an envelope is told from a desired state, in whatever order its keys stand", () => {
  const { payload, payloadType, signatures } = document;
  for (const order of [
    { payloadType, payload, signatures },
    { payload, payloadType, signatures },
    { signatures, payload, payloadType },
    { payload, signatures, payloadType },
  ]) {
    assert.equal(isEnvelope(bytes(JSON.stringify(order))), true);
    assert.equal(isEnvelope(bytes(JSON.stringify(order, null, 2))), true);
  }
  assert.equal(isEnvelope(bytes('\ufeff{"payloadType":')), true, "then it is refused as one");
  for (const text of [
    "",
    "registryMirrors: []\n",
    '{"registryMirrors":[]}',
    '{"a":{"payloadType":1}}',
    "payloadType: x\n",
  ])
    assert.equal(isEnvelope(bytes(text)), false, text);
});
