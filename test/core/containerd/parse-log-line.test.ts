import assert from "node:assert/strict";
import { test } from "node:test";
import { parseLogLine } from "../../../src/core/containerd/parse-log-line.ts";

test("a line in logrus's text format, with Go's quotes", () => {
  const text = String.raw`time="2026-11-26T22:29:13Z" level=info msg="trying next host" error="Head \"http://m/v2/a\": \\ EOF\n" host="m:5000" size=401 empty=`;
  const line = parseLogLine(text);
  assert.equal(line?.level, "info");
  assert.equal(line?.message, "trying next host");
  assert.deepEqual(Object.entries(line?.fields ?? {}), [
    ["error", 'Head "http://m/v2/a": \\ EOF\n'],
    ["host", "m:5000"],
    ["size", "401"],
    ["empty", ""],
  ]);
});

test("the same line as JSON", () => {
  const line = parseLogLine(
    '{"error":"x \\"y\\"","host":"m","level":"info","msg":"hello","size":401,"time":"t"}',
  );
  assert.deepEqual(line, {
    level: "info",
    message: "hello",
    fields: { error: 'x "y"', host: "m", size: "401" },
  });
});

test("whatever is no such line is none, and costs little", () => {
  for (const text of ["", "panic: x", "{", '{"level":"info"}', "null", "[1]", "level=info", 'msg="x"'])
    assert.equal(parseLogLine(text), undefined, text);
  const open = `level=info msg="x" error="${"\\".repeat(60_000)}`;
  assert.equal(parseLogLine(open)?.message, "x");
  const many = `level=info msg=x ${"k=v ".repeat(20_000)}`;
  assert.deepEqual(Object.keys(parseLogLine(many)?.fields ?? {}), ["k"]);
  assert.equal(parseLogLine('{"level":"info","msg":"x","__proto__":"y"}')?.message, "x");
});
