import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseGoDuration } from "../../../src/core/containerd/go-duration.ts";
import { cleanPath, joinPath } from "../../../src/core/containerd/go-path.ts";
import { parseGoUrl } from "../../../src/core/containerd/go-url.ts";
import { isLoopbackHost, splitHostPort } from "../../../src/core/containerd/loopback.ts";
import { explainKeyPair, holdsCertificate } from "../../../src/core/containerd/pem.ts";
import { CERTIFICATE, PRIVATE_KEY, pem } from "./support/pem.ts";

describe("parseGoUrl", () => {
  const urls: readonly (readonly [string, string, string, string])[] = [
    ["http://a:5000", "http", "a:5000", ""],
    ["https://a:443/v2/", "https", "a:443", "/v2/"],
    ["http://u:p@a:5000/x?y=1#z", "http", "a:5000", "/x"],
    ["http://a/x%2Fy%20z", "http", "a", "/x/y z"],
    ["https://HTTP://a:5000", "https", "HTTP:", "//a:5000"],
    ["https://unix:///x", "https", "unix:", "///x"],
    ["http-mirror.local:5000", "http-mirror.local", "", ""],
    ["HTTP://A", "http", "A", ""],
    ["http://[::1]:5000/x", "http", "[::1]:5000", "/x"],
    ["http:/x", "http", "", "/x"],
    ["httpx/y", "", "", "httpx/y"],
    ["http://", "http", "", ""],
    ["http://bücher/ü", "http", "bücher", "/ü"],
  ];
  for (const [text, scheme, host, path] of urls)
    test(text, () => assert.deepEqual(parseGoUrl(text), { ok: true, scheme, host, path }));

  const errors: readonly (readonly [string, string])[] = [
    ["http://a:port", 'parse "http://a:port": invalid port ":port" after host'],
    ["http://[::1", "parse \"http://[::1\": missing ']' in host"],
    ["http://[::1]x", 'parse "http://[::1]x": invalid port "x" after host'],
    ["http://a b", 'parse "http://a b": invalid character " " in host name'],
    ["http://a\u0001", 'parse "http://a\\u0001": net/url: invalid control character in URL'],
    ["http://a/%zz", 'parse "http://a/%zz": invalid URL escape "%zz"'],
    ["http://a%41", 'parse "http://a%41": invalid URL escape "%41"'],
    ["http://u:%@a", 'parse "http://u:%@a": invalid URL escape "%"'],
    ["http://u^@a", 'parse "http://u^@a": net/url: invalid userinfo'],
    ["http_x:5000", 'parse "http_x:5000": first path segment in URL cannot contain colon'],
  ];
  for (const [text, message] of errors)
    test(`refuses ${text}`, () => assert.deepEqual(parseGoUrl(text), { ok: false, message }));
});

test("parseGoDuration", () => {
  const ms = (text: string): number | string => {
    const result = parseGoDuration(text);
    return result.ok ? result.ms : result.message;
  };
  assert.equal(ms("3s"), 3000);
  assert.equal(ms("1m30s"), 90_000);
  assert.equal(ms("-1.5h"), -5_400_000);
  assert.equal(ms("1.s"), 1000);
  assert.equal(ms(".5s"), 500);
  assert.equal(ms("250µs"), 0.25);
  assert.equal(ms("0"), 0);
  assert.equal(ms("5"), 'time: missing unit in duration "5"');
  assert.equal(ms("abc"), 'time: invalid duration "abc"');
  assert.equal(ms("5x"), 'time: unknown unit "x" in duration "5x"');
  assert.equal(ms(""), 'time: invalid duration ""');
  assert.equal(ms("-"), 'time: invalid duration "-"');
  assert.equal(ms("9999999999h"), 'time: invalid duration "9999999999h"');
});

test("paths are cleaned as Go cleans them", () => {
  assert.equal(cleanPath("//foo//bar/./x/.."), "/foo/bar");
  assert.equal(cleanPath("/../a"), "/a");
  assert.equal(cleanPath("../../a/.."), "../..");
  assert.equal(cleanPath(""), ".");
  assert.equal(cleanPath("/"), "/");
  assert.equal(joinPath("/", "", "a", "/b/"), "/a/b");
  assert.equal(joinPath("", ""), "");
});

test("loopback names", () => {
  for (const host of ["localhost", "localhost:1", "127.0.0.254", "127.0.0.1:80", "::1", "[::1]:5000"])
    assert.equal(isLoopbackHost(host), true, host);
  for (const host of [
    "localhost.x",
    "128.0.0.1",
    "127.0.0.256",
    "127.1",
    "127.0.0.01",
    "::2",
    "[::1]",
    "::11",
  ])
    assert.equal(isLoopbackHost(host), false, host);
  assert.deepEqual(splitHostPort("[::1]:5000"), { host: "::1", port: "5000" });
  assert.deepEqual(splitHostPort("::1"), { host: "::1", port: "" });
});

test("PEM files", () => {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  assert.equal(holdsCertificate(bytes(`# comment\r\n${CERTIFICATE.replaceAll("\n", "\r\n")}`)), true);
  assert.equal(holdsCertificate(bytes(PRIVATE_KEY)), false);
  assert.equal(holdsCertificate(bytes("hello")), false);
  assert.equal(holdsCertificate(bytes(CERTIFICATE.replace("-----END CERTIFICATE-----", ""))), false);
  assert.equal(explainKeyPair(bytes(CERTIFICATE), bytes(PRIVATE_KEY)), undefined);
  assert.equal(explainKeyPair(bytes(CERTIFICATE), bytes(pem("EC PRIVATE KEY"))), undefined);
  assert.match(explainKeyPair(bytes(CERTIFICATE), bytes(CERTIFICATE)) ?? "", /certificate rather than a key/);
  assert.match(explainKeyPair(bytes(PRIVATE_KEY), bytes(PRIVATE_KEY)) ?? "", /"CERTIFICATE" PEM block/);
  assert.match(explainKeyPair(bytes(""), bytes("")) ?? "", /any PEM data in certificate/);
  assert.match(explainKeyPair(bytes(CERTIFICATE), bytes("")) ?? "", /any PEM data in key/);
});
