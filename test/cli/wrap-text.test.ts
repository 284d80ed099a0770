import assert from "node:assert/strict";
import { test } from "node:test";
import { wrapMessage } from "../../src/cli/wrap-text.ts";

test("messages are broken between words; what draws over lines, and what is no message, stays as it is", () => {
  const words = `mirrorlet: ${"word ".repeat(30).trim()}`;
  const lines = wrapMessage(`${words}\nmirrorlet: no image was pushed\n`, 80).split("\n");
  assert.deepEqual(lines.splice(-2), ["mirrorlet: no image was pushed", ""]);
  assert.ok(lines.length > 1 && lines.every(({ length }) => length <= 80));
  assert.ok(lines.slice(1).every((line) => line.startsWith("  word")));
  assert.equal(lines.join("").replaceAll("  ", " "), words);
  for (const other of ["\r\u001b[Kdumping to b.tar: 1 of 2", `{"a": "${"b ".repeat(60)}"}\n`])
    assert.equal(wrapMessage(other, 80), other);
});
