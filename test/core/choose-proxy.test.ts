import assert from "node:assert/strict";
import { test } from "node:test";
import { createProxySelector } from "../../src/core/choose-proxy.ts";

const PROXY = "http://proxy.corp:3128";

function isProxied(url: string, noProxy: string): boolean {
  const select = createProxySelector({ HTTP_PROXY: PROXY, HTTPS_PROXY: PROXY, NO_PROXY: noProxy });
  return select(new URL(url)) !== undefined;
}

const direct: readonly (readonly [url: string, noProxy: string])[] = [
  ["https://localhost:5000", ""],
  ["https://127.9.9.9:5000", ""],
  ["http://[::1]:5000", ""],
  ["https://anything", "*"],
  ["https://foo.com", "foo.com"],
  ["https://bar.foo.com", "foo.com"],
  ["https://FOO.com", " x, Foo.COM "],
  ["https://bar.foo.com", ".foo.com"],
  ["https://bar.foo.com", "*.foo.com"],
  ["https://foo.com", "foo.com:443"],
  ["http://foo.com", "foo.com:80"],
  ["https://10.1.2.3:5000", "10.0.0.0/8"],
  ["https://10.1.2.3:5000", "10.1.2.3"],
  ["https://10.1.2.3:5000", "10.1.2.3:5000"],
  ["https://[fd00::5]:5000", "fd00::/8"],
  ["https://[fd00::5]:5000", "fd00::5"],
  ["https://[fd00::5]:5000", "[fd00::5]:5000"],
];

const proxied: readonly (readonly [url: string, noProxy: string])[] = [
  ["https://foo.com", ""],
  ["https://foo.com", ".foo.com"],
  ["https://foo.com", "*.foo.com"],
  ["https://xfoo.com", "foo.com"],
  ["https://foo.com", "foo.com:80"],
  ["https://11.1.2.3", "10.0.0.0/8"],
  ["https://10.1.2.3:5000", "10.1.2.3:5001"],
  // A name is not resolved to see whether its address is exempt.
  ["https://foo.com", "0.0.0.0/0"],
  ["https://foo.com", ":443,,/8"],
];

for (const [url, noProxy] of direct) {
  test(`${url} goes direct with NO_PROXY=${noProxy}`, () => assert.equal(isProxied(url, noProxy), false));
}
for (const [url, noProxy] of proxied) {
  test(`${url} goes through the proxy with NO_PROXY=${noProxy}`, () =>
    assert.equal(isProxied(url, noProxy), true));
}

test("each scheme has its own variable, upper case first, and a bare host:port is http", () => {
  const select = createProxySelector({
    http_proxy: "lower:1",
    HTTPS_PROXY: "https://upper:2",
    https_proxy: "http://lower:3",
  });
  assert.equal(select(new URL("http://h"))?.href, "http://lower:1/");
  assert.equal(select(new URL("https://h"))?.href, "https://upper:2/");
  assert.equal(createProxySelector({})(new URL("https://h")), undefined);
});
