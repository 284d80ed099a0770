import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readDemand, readDemandAsContainerd } from "../../src/registry/authorize.ts";
import { parseChallenges } from "../../src/registry/challenge.ts";

const flat = (...values: readonly string[]) =>
  parseChallenges(values).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

test("parameters may be quoted, escaped, bare, in any case and with any spacing", () => {
  assert.deepEqual(flat('Bearer realm="https://a/token",Service = reg , SCOPE="a,b \\"c\\""'), [
    ["bearer", { realm: "https://a/token", service: "reg", scope: 'a,b "c"' }],
  ]);
});

test("several challenges in one header or in several", () => {
  const expected = [
    ["basic", { realm: "x" }],
    ["bearer", { realm: "y" }],
  ];
  assert.deepEqual(flat('Basic realm="x", Bearer realm="y"'), expected);
  assert.deepEqual(flat('Basic realm="x"', 'Bearer realm="y"'), expected);
  assert.deepEqual(flat("Negotiate", "Basic"), [
    ["negotiate", {}],
    ["basic", {}],
  ]);
});

test("what is malformed is left out", () => {
  assert.deepEqual(flat('Bearer realm="unterminated'), [["bearer", {}]]);
  assert.deepEqual(flat("", "=", '"'), []);
});

test("no header makes the parser throw or hang", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'Bb= ,"\\a/:é\0'), maxLength: 200 }), (value) => {
      parseChallenges([value]);
    }),
  );
});

test("basic is preferred by who sends credentials unasked", () => {
  assert.deepEqual(readDemand(['Bearer realm="https://t"', "Basic"]), { kind: "basic" });
  assert.deepEqual(readDemand(['Bearer realm="https://t",service="s"']), {
    kind: "bearer",
    realm: "https://t",
    service: "s",
  });
  assert.deepEqual(readDemand(["Bearer"]), { kind: "bearer" });
  assert.deepEqual(readDemand(["Negotiate"]), { kind: "unknown", offered: ["negotiate"] });
  assert.deepEqual(readDemand([]), { kind: "unknown", offered: [] });
});

test("containerd takes a token where it can, and of one header the first challenge", () => {
  assert.deepEqual(readDemandAsContainerd(["Basic", 'Bearer realm="https://t"']), {
    kind: "bearer",
    realm: "https://t",
  });
  assert.deepEqual(readDemandAsContainerd(['Basic realm="x", Bearer realm="https://t"']), { kind: "basic" });
  assert.deepEqual(readDemandAsContainerd(['Negotiate, Basic realm="x"']), {
    kind: "unknown",
    offered: ["negotiate"],
  });
});
