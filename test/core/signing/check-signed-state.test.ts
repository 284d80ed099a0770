import assert from "node:assert/strict";
import { test } from "node:test";
import {
  checkSignedState,
  signedSourceFile,
  verifySignedState,
} from "../../../src/core/signing/check-signed-state.ts";
import { writeEnvelope } from "../../../src/core/signing/envelope.ts";
import type { SignedNode, Standing } from "../../../src/core/signing/judge-signed-state.ts";
import { PAYLOAD_TYPE, type SignedState, writeSignedState } from "../../../src/core/signing/signed-state.ts";
import type { Trust } from "../../../src/core/signing/verify-signatures.ts";
import { verifyEd25519 } from "../../../src/host/ed25519.ts";
import { DAY, envelopeOf, NOW, sha256, signDocument, signedState, type TestKey, testKey } from "./sign.ts";

const [anna, ben, carl, eve] = [1, 2, 3, 66].map(testKey) as [TestKey, TestKey, TestKey, TestKey];
const ports = { verifyEd25519, sha256 };
const ONE: Trust = { keys: [anna, ben, carl], threshold: 1 };
const TWO: Trust = { keys: [anna, ben, carl], threshold: 2 };
const NODE: SignedNode = { id: "n1", fleet: "prod", channel: "stable", labels: { class: "gpu", zone: "a" } };
const STANDING: Standing = { floor: 0, runningDigest: undefined, nowMs: NOW };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function check(
  document: Uint8Array,
  {
    trust = ONE,
    node = NODE,
    standing = {},
  }: { trust?: Trust; node?: SignedNode; standing?: Partial<Standing> } = {},
) {
  return checkSignedState(document, "s.json", { trust, node }, () => ({ ...STANDING, ...standing }), ports);
}

function refused(document: Uint8Array, options: Parameters<typeof check>[1] = {}) {
  const result = check(document, options);
  assert.ok(!result.ok, "it must be refused");
  for (const { severity } of result.issues) assert.equal(severity, "error");
  return result;
}

const codes = (result: ReturnType<typeof check>): readonly string[] =>
  result.ok ? [] : result.issues.map(({ code }) => code);

test("signed by enough trusted keys it is what was signed, with its digest and who has signed", () => {
  const document = signDocument(signedState(), [eve, ben, anna]);
  const result = check(document, { trust: TWO });
  assert.ok(result.ok);
  const { state, digest, keyIds } = result.verified;
  assert.deepEqual(state, signedState());
  assert.equal(digest, sha256(writeSignedState(signedState())));
  assert.deepEqual(keyIds, [ben.keyId, anna.keyId], "eve is not named: her signature was not looked at");
});

test("places inside lead to the signed document", () => {
  const result = check(signDocument(signedState(), [anna]));
  assert.ok(result.ok);
  const file = signedSourceFile(result.verified, "/etc/mirrorlet/s.json");
  assert.equal(file.name, "/etc/mirrorlet/s.json (signed desired-state.yaml)");
  assert.equal(new TextDecoder().decode(file.bytes), signedState().desiredState);
});

test("forged: by nobody trusted, with another's id, or with a signature of other bytes", () => {
  const stolen = envelopeOf(writeSignedState(signedState()), [eve]);
  const asAnna = { ...stolen, signatures: stolen.signatures.map((one) => ({ ...one, keyId: anna.keyId })) };
  const honest = envelopeOf(writeSignedState(signedState()), [anna]);
  const swapped = { ...honest, payload: writeSignedState(signedState({ serial: 13 })) };
  const lent = { ...honest, signatures: honest.signatures.map((one) => ({ ...one, keyId: ben.keyId })) };
  for (const [document, words] of [
    [
      writeEnvelope(stolen),
      /0 of the 1 signature that is needed: by keys that are not trusted: [0-9a-f]{16}; trusted are/,
    ],
    [writeEnvelope(asAnna), /made for other bytes: /],
    [writeEnvelope(swapped), /made for other bytes: /],
    [writeEnvelope(lent), /made for other bytes: /],
  ] as const) {
    const result = refused(document);
    assert.deepEqual(codes(result), ["signature-insufficient"]);
    assert.match(result.issues[0]?.message ?? "", words);
    assert.equal(result.verified, undefined);
  }
});

test("who signed and who is trusted is told", () => {
  const result = refused(signDocument(signedState(), [anna, eve]), { trust: TWO });
  const { message = "" } = result.issues[0] ?? {};
  for (const key of [anna, ben, carl, eve]) assert.ok(message.includes(key.keyId.slice(0, 16)));
  assert.match(message, /^it has 1 of the 2 signatures that are needed: good by/);
});

test("one key twice does not make two: in the trust, in the envelope, under another id", () => {
  const once = envelopeOf(writeSignedState(signedState()), [anna]);
  const twice: Trust = { keys: [anna, anna], threshold: 2 };
  assert.deepEqual(codes(check(writeEnvelope(once), { trust: twice })), ["signature-insufficient"]);
  const repeated = { ...once, signatures: [...once.signatures, ...once.signatures] };
  assert.deepEqual(codes(check(writeEnvelope(repeated), { trust: twice })), ["signed-envelope"]);
  const [first] = once.signatures;
  assert.ok(first);
  const renamed = { ...once, signatures: [first, { ...first, keyId: ben.keyId }] };
  assert.deepEqual(codes(check(writeEnvelope(renamed), { trust: TWO })), ["signature-insufficient"]);
});

test("without keys, or with a threshold of none, nothing suffices", () => {
  const document = signDocument(signedState(), [anna]);
  assert.deepEqual(codes(check(document, { trust: { keys: [], threshold: 1 } })), ["signature-insufficient"]);
  assert.deepEqual(codes(check(document, { trust: { keys: [], threshold: 0 } })), ["signature-insufficient"]);
});

test("signed as something else it is no desired state, and relabelled it is not signed", () => {
  const payload = writeSignedState(signedState());
  const other = envelopeOf(payload, [anna], "application/vnd.in-toto+json");
  assert.deepEqual(codes(check(writeEnvelope(other))), ["signed-type"]);
  const relabelled = { ...other, payloadType: PAYLOAD_TYPE };
  assert.deepEqual(codes(check(writeEnvelope(relabelled))), ["signature-insufficient"]);
  const v2 = envelopeOf(payload, [anna], PAYLOAD_TYPE.replace("v1", "v2"));
  assert.deepEqual(codes(check(writeEnvelope(v2))), ["signed-type"]);
});

test("nothing is parsed before the signatures suffice", () => {
  const nonsense = envelopeOf(bytes("{"), [eve]);
  assert.deepEqual(codes(check(writeEnvelope(nonsense))), ["signature-insufficient"]);
  assert.deepEqual(codes(check(writeEnvelope(envelopeOf(bytes("{"), [anna])))), ["signed-payload"]);
});

test("with any bit changed it is refused, or says and is signed by what it was", () => {
  const document = signDocument(signedState(), [anna]);
  const honest = check(document);
  assert.ok(honest.ok);
  for (let at = 0; at < document.length; at += 1) {
    for (let bit = 0; bit < 8; bit += 1) {
      const changed = document.slice();
      changed[at] = (changed[at] ?? 0) ^ (1 << bit);
      const result = check(changed);
      // The other alphabet of base64 and the blank at the end mean the same.
      if (result.ok) assert.deepEqual(result.verified, honest.verified, `bit ${bit} of byte ${at}`);
    }
  }
});

test("cut at any length it is refused", () => {
  const document = signDocument(signedState(), [anna]);
  for (let length = 0; length < document.length - 1; length += 1) {
    const result = verifySignedState(document.subarray(0, length), "s.json", ONE, ports);
    assert.equal(result.ok, false, `cut at ${length}`);
  }
});

test("for another fleet or channel it is refused, however well it is signed", () => {
  assert.deepEqual(codes(check(signDocument(signedState({ fleet: "test" }), [anna]))), ["signed-fleet"]);
  assert.deepEqual(codes(check(signDocument(signedState({ channel: "canary" }), [anna]))), [
    "signed-channel",
  ]);
  const result = refused(signDocument(signedState(), [anna]), { node: { ...NODE, fleet: "" } });
  assert.match(result.issues[0]?.message ?? "", /for the fleet prod, and this node is in none/);
});

test("the audience: everybody, a node by its id, or by all labels", () => {
  const meant: readonly SignedState["audience"][] = [
    {},
    { nodes: ["n0", "n1"] },
    { labels: { class: ["cpu", "gpu"] } },
    { labels: { class: ["gpu"], zone: ["a"] } },
    { nodes: ["n7"], labels: { zone: ["a"] } },
    { nodes: ["n1"], labels: { zone: ["z"] } },
  ];
  for (const audience of meant)
    assert.deepEqual(codes(check(signDocument(signedState({ audience }), [anna]))), []);
  const others: readonly SignedState["audience"][] = [
    { nodes: ["N1"] },
    { nodes: ["n10", "n"] },
    { labels: { class: ["cpu"] } },
    { labels: { class: ["gpu"], zone: ["b"] } },
    { labels: { rack: ["1"] } },
    { labels: { constructor: ["1"] } },
  ];
  for (const audience of others) {
    const result = refused(signDocument(signedState({ audience }), [anna]));
    assert.deepEqual(codes(result), ["signed-audience"]);
    assert.match(result.issues[0]?.message ?? "", /this node is n1, with class=gpu, zone=a/);
  }
});

test("below the floor it is a replay; at the floor and below the running one it is a revert", () => {
  const document = signDocument(signedState({ serial: 11, floorSerial: 3 }), [anna]);
  assert.deepEqual(codes(check(document, { standing: { floor: 12 } })), ["signed-serial"]);
  assert.deepEqual(codes(check(document, { standing: { floor: 12, runningDigest: "of 12" } })), [
    "signed-serial",
  ]);
  assert.deepEqual(codes(check(document, { standing: { floor: 11, runningDigest: "of 12" } })), []);
});

test("the floor is that of the state's own fleet and channel", () => {
  const asked: string[] = [];
  checkSignedState(
    signDocument(signedState({ channel: "canary" }), [anna]),
    "s.json",
    { trust: ONE, node: NODE },
    (fleet, channel) => {
      asked.push(`${fleet}/${channel}`);
      return STANDING;
    },
    ports,
  );
  assert.deepEqual(asked, ["prod/canary"]);
});

test("times: not yet is tried again then, expired is not, and both say what the clock says", () => {
  const early = signDocument(signedState({ notBeforeMs: NOW + 5000 }), [anna]);
  const result = refused(early);
  assert.deepEqual(codes(result), ["signed-not-before"]);
  assert.equal(result.notBeforeMs, NOW + 5000);
  assert.match(
    result.issues[0]?.message ?? "",
    /from 2026-06-01T12:00:05Z on, and this node's clock says 2026-06-01T12:00:00Z/,
  );
  assert.deepEqual(codes(check(early, { standing: { nowMs: NOW + 5000 } })), []);

  const late = signDocument(signedState({ expiresMs: NOW }), [anna]);
  assert.deepEqual(codes(check(late, { standing: { nowMs: NOW - 1 } })), []);
  const expired = refused(late);
  assert.deepEqual(codes(expired), ["signed-expired"]);
  assert.equal(expired.notBeforeMs, undefined);
  assert.match(
    expired.issues[0]?.message ?? "",
    /expired at 2026-06-01T12:00:00Z, and this node's clock says 2026-06-01T12:00:00Z/,
  );
});

test("what is in force neither expires nor waits; another document with an older date does", () => {
  const state = signedState({ notBeforeMs: NOW - 3 * DAY, expiresMs: NOW - DAY });
  const document = signDocument(state, [anna]);
  const runningDigest = sha256(writeSignedState(state));
  assert.deepEqual(codes(check(document, { standing: { runningDigest } })), []);
  assert.deepEqual(codes(check(document, { standing: { runningDigest, nowMs: NOW - 9 * DAY } })), []);
  assert.deepEqual(codes(check(document, { standing: { runningDigest: "another" } })), ["signed-expired"]);
});

test("a clock at the ends of time does not open anything", () => {
  const document = signDocument(signedState({ notBeforeMs: NOW }), [anna]);
  assert.deepEqual(codes(check(document, { standing: { nowMs: 0 } })), ["signed-not-before"]);
  assert.deepEqual(codes(check(document, { standing: { nowMs: 8.64e15 } })), ["signed-expired"]);
  assert.deepEqual(codes(check(document, { standing: { nowMs: 9e15 } })), ["signed-expired"]);
});

test("everything that stands against it is told at once, and then waiting helps nothing", () => {
  const state = signedState({ fleet: "a", channel: "b", audience: { nodes: ["x"] }, notBeforeMs: NOW + 1 });
  const result = refused(signDocument(state, [anna]), { standing: { floor: 13 } });
  assert.deepEqual(codes(result), [
    "signed-fleet",
    "signed-channel",
    "signed-audience",
    "signed-serial",
    "signed-not-before",
  ]);
  assert.equal(result.notBeforeMs, undefined);
});

test("a payload that is not strictly one is refused, though it is signed", () => {
  const good = JSON.parse(new TextDecoder().decode(writeSignedState(signedState())));
  const cases: readonly (readonly [object | string, RegExp])[] = [
    ["[]", /must be an object/],
    [{ ...good, schema: 2 }, /made for another version/],
    [{ ...good, schema: "1" }, /made for another version/],
    [{ ...good, extra: true }, /not known: "extra"/],
    [{ ...good, serial: 0 }, /serial must be a whole number from 1/],
    [{ ...good, serial: 1.5 }, /whole number/],
    [{ ...good, serial: "12" }, /whole number/],
    [JSON.stringify(good).replace('"serial":12', '"serial":9007199254740993'), /whole number/],
    [JSON.stringify(good).replace('"serial":12', '"serial":12,"serial":99'), /second time/],
    [{ ...good, floorSerial: 13 }, /would close itself out/],
    [{ ...good, expires: "tomorrow" }, /must be a time/],
    [{ ...good, expires: "2026-02-30T00:00:00Z" }, /must be a time/],
    [{ ...good, expires: "2026-06-01 12:00:00Z" }, /must be a time/],
    [{ ...good, expires: "2026-06-01T12:00:00" }, /must be a time/],
    [{ ...good, expires: 1 }, /must be text/],
    [{ ...good, notBefore: good.expires }, /expires before it may be used/],
    [{ ...good, fleet: "" }, /fleet must be/],
    [{ ...good, fleet: "a/b" }, /fleet must be/],
    [{ ...good, channel: "a\nb" }, /channel must be/],
    [{ ...good, name: "../x" }, /plain file name/],
    [{ ...good, name: "a b" }, /plain file name/],
    [{ ...good, desiredState: {} }, /desiredState must be text/],
    [JSON.stringify(good).replace("registryMirrors", "\\ud800"), /not Unicode text/],
    [{ ...good, audience: [] }, /a selector must be an object/],
    [{ ...good, audience: { nodes: [] } }, /would mean nobody/],
    [{ ...good, audience: { labels: {} } }, /labels is empty/],
    [{ ...good, audience: { labels: { a: [] } } }, /would mean nobody/],
    [{ ...good, audience: { labels: { a: "b" } } }, /must be a list/],
    [{ ...good, audience: { node: ["n1"] } }, /not known: "node"/],
    [{ ...good, audience: { nodes: ["*"] } }, /letters, digits/],
  ];
  for (const [content, expected] of cases) {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    const result = refused(writeEnvelope(envelopeOf(bytes(text), [anna])));
    assert.deepEqual(codes(result), ["signed-payload"], text);
    assert.match(result.issues[0]?.message ?? "", expected);
    assert.match(result.issues[0]?.at.file ?? "", /^s\.json \(payload\)$/);
  }
});

test("a label that is called as something every object has is only a label", () => {
  const good = new TextDecoder().decode(writeSignedState(signedState()));
  const text = good.replace('"audience":{}', '"audience":{"labels":{"toString":["x"]}}');
  assert.deepEqual(codes(check(writeEnvelope(envelopeOf(bytes(text), [anna])))), ["signed-audience"]);
});
