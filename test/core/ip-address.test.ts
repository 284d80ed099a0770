import assert from "node:assert/strict";
import { isIP } from "node:net";
import { test } from "node:test";
import { isPrivateIp, parseIp, parseNetwork, sharesPrefix } from "../../src/core/ip-address.ts";

const TEXTS = [
  "10.0.0.1",
  "255.255.255.255",
  "256.0.0.1",
  "01.2.3.4",
  "1.2.3",
  "1.2.3.4.5",
  "::",
  "::1",
  "1::",
  "fd00::5",
  "1:2:3:4:5:6:7:8",
  "1:2:3:4:5:6:7::",
  "1:2:3:4:5:6:7:8:9",
  "1::2::3",
  "::ffff:10.0.0.1",
  "::10.0.0.256",
  "12345::",
  ":1",
  "1:",
  "foo.com",
  "g::",
  "",
];

test("an address is what Node takes for one", () => {
  for (const text of TEXTS) assert.equal(parseIp(text) !== undefined, isIP(text) !== 0, text);
  assert.deepEqual(parseIp("::ffff:10.0.0.1"), parseIp("10.0.0.1"));
  assert.notDeepEqual(parseIp("::1"), parseIp("::2"));
});

test("networks hold what they should, of their own family", () => {
  const holds = (network: string, address: string): boolean => {
    const [range, one] = [parseNetwork(network), parseIp(address)];
    return range !== undefined && one !== undefined && sharesPrefix(one, range.network, range.length);
  };
  assert.ok(holds("10.0.0.0/8", "10.255.0.1"));
  assert.ok(!holds("10.0.0.0/8", "11.0.0.1"));
  assert.ok(holds("0.0.0.0/0", "11.0.0.1"));
  assert.ok(!holds("0.0.0.0/0", "::1"));
  assert.ok(holds("fd00::/8", "fd12:3::1"));
  assert.ok(!holds("fd00::/8", "fe00::1"));
  for (const bad of ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/", "x/8", "10.0.0.0/8/8"])
    assert.equal(parseNetwork(bad), undefined, bad);
});

test("private addresses are told from those of the internet", () => {
  const isPrivate = (text: string): boolean => {
    const address = parseIp(text);
    return address !== undefined && isPrivateIp(address);
  };
  for (const text of ["10.1.2.3", "172.31.0.1", "192.168.1.1", "100.64.0.1", "fd00::1", "fe80::1"])
    assert.ok(isPrivate(text), text);
  for (const text of ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2001:db8::1", "::ffff:8.8.8.8"])
    assert.ok(!isPrivate(text), text);
});
