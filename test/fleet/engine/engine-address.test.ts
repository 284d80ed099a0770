import assert from "node:assert/strict";
import { test } from "node:test";
import { formatEngineAddress, parseEngineAddress } from "../../../src/fleet/engine/engine-address.ts";

test("addresses of engines are read, and written as they were", () => {
  for (const text of [
    "etcd://10.0.0.1:2379",
    "etcd://etcd-1.example:2379,etcd-2:2379,[::1]:2379",
    "journal:/var/lib/mirrorlet-fleet",
  ]) {
    const read = parseEngineAddress(text);
    assert.ok(read.ok, text);
    assert.equal(formatEngineAddress(read.address), text);
  }
});

test("what is no address is told with what would be one", () => {
  for (const text of ["", "etcd", "http://10.0.0.1:2379", "etcd://", "journal:relative", "etcd://a:1/path"]) {
    const read = parseEngineAddress(text);
    assert.match(read.ok ? "" : read.message, /is no engine: write etcd:\/\/HOST:PORT/, text);
  }
  for (const text of ["etcd://a", "etcd://a:0", "etcd://a:1,", "etcd://user@a:1", "etcd://a:99999"]) {
    const read = parseEngineAddress(text);
    assert.match(read.ok ? "" : read.message, /is no HOST:PORT/, text);
  }
});
