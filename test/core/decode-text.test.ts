import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeText } from "../../src/core/decode-text.ts";

test("a byte order mark stays, and what is not UTF-8 shows", () => {
  assert.equal(decodeText(Buffer.from("\ufeffversion = 2")), "\ufeffversion = 2");
  assert.equal(decodeText(Buffer.from([0x61, 0xff])), "a\ufffd");
});
