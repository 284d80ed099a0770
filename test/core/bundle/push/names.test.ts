import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatBytes,
  formatDuration,
  parseByteSize,
} from "../../../../src/core/bundle/push/format-amount.ts";
import { parsePushTarget } from "../../../../src/core/bundle/push/push-target.ts";
import { repositoryFor } from "../../../../src/core/bundle/push/repository-name.ts";
import { parseRetryAfter, retryDelayMs } from "../../../../src/core/bundle/push/retry-delay.ts";
import {
  lastByteOf,
  readUploadLocation,
  withDigest,
} from "../../../../src/core/bundle/push/upload-location.ts";

const digest = `sha256:${"a".repeat(64)}`;

test("an image goes where a node looks for it at its mirror", () => {
  const at = (name: string, namespace = "") => {
    const result = repositoryFor(name, digest, namespace);
    return result.ok ? [result.name.repository, result.name.tag] : result.message;
  };
  assert.deepEqual(at("gcr.io/a/b:1.0"), ["a/b", "1.0"]);
  assert.deepEqual(at("nginx", "site/library"), ["site/library/library/nginx", "latest"]);
  assert.deepEqual(at("reg.example:5000/a:v"), ["a", "v"]);
  assert.deepEqual(at(`gcr.io/a/b@${digest}`), ["a/b", undefined]);
  assert.deepEqual(at(`gcr.io/a/b:1@${digest}`), ["a/b", "1"]);
  assert.match(
    String(at(`gcr.io/a/b:1@sha256:${"b".repeat(64)}`)),
    /the bundle has sha256:a+ under this name/,
  );
  assert.match(String(at("gcr.io/A/b:1")), /must be lower case/);
});

test("a target is a host and a namespace, however it is written", () => {
  const of = (text: string, plain = false) => {
    const result = parsePushTarget(text, plain);
    return result.ok ? [result.target.protocol, result.target.host, result.target.namespace] : result.message;
  };
  assert.deepEqual(of("reg.example:5000"), ["https:", "reg.example:5000", ""]);
  assert.deepEqual(of("https://reg.example:5000/v2/a/b/"), ["https:", "reg.example:5000", "a/b"]);
  assert.deepEqual(of("[::1]:5000/a"), ["https:", "[::1]:5000", "a"]);
  assert.deepEqual(of("http://reg/a", true), ["http:", "reg", "a"]);
  assert.match(String(of("http://reg/a")), /plain http.*--plain-http/);
  assert.match(String(of("ftp://reg/a")), /https or http/);
  assert.match(String(of("reg/A")), /is no namespace/);
  assert.match(String(of("user:pw@reg/a")), /names no host/);
  assert.match(String(of("/a")), /names no host/);
});

test("a Location is followed with its query as it is, and never to where it is worse", () => {
  const from = new URL("https://reg.example/v2/a/blobs/uploads/");
  const at = (location: string | undefined) => {
    const read = readUploadLocation(location, from);
    return read.ok ? withDigest(read.url, digest).href : read.reason;
  };
  const ending = `digest=sha256%3A${"a".repeat(64)}`;
  assert.equal(at("/v2/a/u?_state=x%2By+z=&b"), `https://reg.example/v2/a/u?_state=x%2By+z=&b&${ending}`);
  assert.equal(at("https://store.example/u"), `https://store.example/u?${ending}`);
  assert.match(at("http://reg.example/u"), /without TLS/);
  assert.match(at(undefined), /no usable Location/);
  assert.match(at("https://u:p@reg.example/"), /names a password/);
  assert.deepEqual(
    [lastByteOf("0-499"), lastByteOf("bytes=0-9"), lastByteOf("5-9"), lastByteOf(undefined)],
    [499, 9, undefined, undefined],
  );
});

test("waits: full jitter, doubled up to a limit, and never less than what was asked for", () => {
  assert.equal(retryDelayMs(1, 0), 0);
  assert.equal(retryDelayMs(1, 0.999), 500);
  assert.equal(retryDelayMs(20, 0.999), 29_970);
  assert.equal(retryDelayMs(1, 0, 60_000), 60_000);
  const now = Date.parse("Fri, 27 Nov 2026 12:00:00 GMT");
  assert.equal(parseRetryAfter("7", now), 7_000);
  assert.equal(parseRetryAfter("Fri, 27 Nov 2026 12:01:00 GMT", now), 60_000);
  assert.equal(parseRetryAfter("Fri, 27 Nov 2026 11:00:00 GMT", now), 0);
  for (const bad of [undefined, "", "soon", "-1", "1e9"])
    assert.equal(parseRetryAfter(bad, now), undefined, bad);
});

test("amounts", () => {
  assert.deepEqual([0, 999, 1000, 99_950, 1_445_000_000].map(formatBytes), [
    "0 B",
    "999 B",
    "1.0 kB",
    "100 kB",
    "1.4 GB",
  ]);
  assert.deepEqual([7_000, 750_000, 3_723_000].map(formatDuration), ["0:07", "12:30", "1:02:03"]);
  assert.deepEqual(["16MiB", "1k", "5", "0", "x", "3TB"].map(parseByteSize), [
    16 * 2 ** 20,
    1024,
    5,
    undefined,
    undefined,
    undefined,
  ]);
});
