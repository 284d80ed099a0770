import assert from "node:assert/strict";
import { test } from "node:test";
import { namespaceOfImage } from "../../../src/core/desired-state/check-image-reference.ts";
import { parseHostPort } from "../../../src/core/desired-state/host-port.ts";

test("hosts by the reference grammar", () => {
  const good = [
    "gcr.io",
    "localhost",
    "xn--n3h.com",
    "127.0.0.1:5000",
    "a-b.c:1",
    "[::1]",
    "[2001:db8::1]:65535",
    "0x7f000001",
  ];
  for (const text of good) assert.ok(parseHostPort(text).ok, text);
  const bad = [
    "",
    ".",
    "..",
    "-a",
    "a-",
    "a..b",
    "a_b",
    "a b",
    "a%41",
    "a:",
    "a:x",
    "a:0",
    "a:00",
    "a:65536",
    "a:1:2",
    "[::1",
    "::1",
    "[::1]5000",
    "[:::1]",
    "[fe80::1%25eth0]",
    "[1:2:3:4:5:6:7:8:9]",
    "é.com",
    "a\n",
    "a/b",
    "a@b",
  ];
  for (const text of bad) assert.ok(!parseHostPort(text).ok, text);
});

test("upper case and bare IPv6 addresses come with what was meant", () => {
  assert.deepEqual(suggestionOf("GCR.io:5000"), "gcr.io:5000");
  assert.deepEqual(suggestionOf("2001:DB8::1"), "[2001:db8::1]");
  assert.deepEqual(suggestionOf("[2001:DB8::1]"), "[2001:db8::1]");
});

test("images are normalised as containerd does", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  const cases: readonly (readonly [string, string | undefined])[] = [
    ["nginx", "docker.io"],
    ["library/nginx:1.25", "docker.io"],
    ["index.docker.io/library/nginx", "docker.io"],
    ["gcr.io/google-containers/pause:3.9", "gcr.io"],
    ["localhost/a", "localhost"],
    ["127.0.0.1:5000/a/b:t", "127.0.0.1:5000"],
    [`gcr.io/a@${digest}`, "gcr.io"],
    [`gcr.io/a:t@${digest}`, "gcr.io"],
    ["", undefined],
    ["gcr.io/", undefined],
    ["gcr.io/A", undefined],
    ["gcr.io/a:", undefined],
    ["gcr.io/a@sha256:1", undefined],
    ["https://gcr.io/a", undefined],
    ["gcr.io/a//b", undefined],
  ];
  for (const [reference, namespace] of cases) assert.equal(namespaceOfImage(reference), namespace, reference);
});

function suggestionOf(text: string): string | undefined {
  const parsed = parseHostPort(text);
  return parsed.ok ? undefined : parsed.suggestion;
}
