import assert from "node:assert/strict";
import { test } from "node:test";
import { cleanError } from "../../../../src/core/evidence/traces/clean-error.ts";

test("the wrapping goes, and what must not be shown", () => {
  for (const [text, wanted] of [
    [
      'rpc error: code = NotFound desc = failed to pull and unpack image "gcr.io/a/b:1": failed to resolve image: gcr.io/a/b:1: not found',
      "gcr.io/a/b:1: not found",
    ],
    [
      'failed to resolve reference "gcr.io/a/b:1": failed to do request: Head "https://m:5000/v2/a/b/manifests/1?ns=gcr.io": EOF',
      'failed to do request: Head "https://m:5000/v2/a/b/manifests/1": EOF',
    ],
    ['Get "https://user:hunter2@m/v2/?token=hunter2": EOF', 'Get "https://***@m/v2/": EOF'],
    [
      "read tcp 127.0.0.1:51470->127.0.0.1:5000: read: connection reset by peer",
      "read: connection reset by peer",
    ],
    ["read tcp [::1]:51470->[::1]:5000: i/o timeout", "i/o timeout"],
    ["two\nlines\u001b[31m", "two lines [31m"],
  ] as const)
    assert.equal(cleanError(text), wanted);
});

test("of a token service not even the address is left", () => {
  const text =
    'failed to fetch anonymous token: Get "https://tokens.example/token?scope=x": dial tcp: lookup tokens.example: no such host';
  assert.equal(cleanError(text, true), "no such host");
});

test("a long text is cut", () => {
  assert.equal(cleanError("x".repeat(100_000)).length, 200);
  assert.equal(cleanError(`${"a.".repeat(50_000)}://`).length, 200);
});
