import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readWitnessRequest } from "../../../src/core/evidence/read-witness-request.ts";

const ADDRESS = "127.0.0.1:478";
const DIGEST = `sha256:${"a".repeat(64)}`;

test("what containerd asks for in a pull", () => {
  const read = (method: string, target: string) => readWitnessRequest(method, target, ADDRESS);
  assert.deepEqual(read("HEAD", "/witness/team/app/manifests/1.0?ns=gcr.io"), {
    registry: "gcr.io",
    repository: "team/app",
    kind: "manifest",
    method: "HEAD",
    object: "1.0",
  });
  assert.deepEqual(read("GET", `/witness/manifests/blobs/manifests/x/blobs/${DIGEST}?ns=10.0.0.1%3A5000`), {
    registry: "10.0.0.1:5000",
    repository: "manifests/blobs/manifests/x",
    kind: "blob",
    method: "GET",
    object: DIGEST,
  });
  assert.equal(read("GET", "/witness/a/manifests/b?ns=%5B%3A%3A1%5D%3A5000")?.registry, "[::1]:5000");
});

test("without ns it is about a registry with the witness' own name", () => {
  assert.equal(readWitnessRequest("HEAD", "/witness/a/manifests/1", ADDRESS)?.registry, ADDRESS);
});

test("what no pull asks for is nothing", () => {
  for (const [method, target] of [
    ["POST", "/witness/a/manifests/1?ns=gcr.io"],
    ["GET", "/"],
    ["GET", "/v2/a/manifests/1?ns=gcr.io"],
    ["GET", "/witness/a/tags/list?ns=gcr.io"],
    ["GET", "/witness/manifests/1?ns=gcr.io"],
    ["GET", "/witness/a/manifests/?ns=gcr.io"],
    ["GET", "/witness/a/manifests/1?ns="],
    ["GET", "/witness/a/manifests/1?ns=gcr.io%0aquay.io"],
    ["GET", `/witness/${"a".repeat(256)}/manifests/1?ns=gcr.io`],
    ["GET", `/witness/a/manifests/${"1".repeat(257)}?ns=gcr.io`],
    ["GET", `/witness/a/manifests/1?ns=${"g".repeat(262)}`],
    ["GET", "/witness/a b/manifests/1?ns=gcr.io"],
  ] as const)
    assert.equal(readWitnessRequest(method, target, ADDRESS), undefined, `${method} ${target}`);
});

test("property: nothing makes it throw, and what it gives is short and plain", () => {
  const text = fc.oneof(
    fc.string({ maxLength: 600, unit: "binary" }),
    fc
      .array(fc.constantFrom("/", "witness", "manifests", "blobs", "?ns=", "a", "%00", "é", ":"), {
        maxLength: 40,
      })
      .map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(text, (target) => {
      const read = readWitnessRequest("GET", `/witness/${target}`, ADDRESS);
      if (read === undefined) return;
      for (const value of Object.values(read)) assert.match(value, /^[\w.:+/[\]-]{1,261}$/);
    }),
  );
});
