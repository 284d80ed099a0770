import assert from "node:assert/strict";
import { test } from "node:test";
import { splitLines } from "../../src/host/split-lines.ts";

function split(maxBytes: number, ...chunks: readonly (string | Buffer)[]): readonly string[] {
  const lines: string[] = [];
  const take = splitLines(maxBytes, (line) => lines.push(line));
  for (const chunk of chunks) take(Buffer.from(chunk));
  return lines;
}

test("lines come whole however the stream is cut", () => {
  const bytes = Buffer.from("one\ntwö\n\nthree\nrest");
  for (let cut = 0; cut <= bytes.length; cut++)
    assert.deepEqual(split(10, bytes.subarray(0, cut), bytes.subarray(cut)), ["one", "twö", "", "three"]);
});

test("a line that is too long is left out, the next one is read", () => {
  assert.deepEqual(split(4, "12345\n1234\n"), ["1234"]);
  assert.deepEqual(split(4, "123", "45", "6".repeat(100_000), "\nok\n"), ["ok"]);
});
