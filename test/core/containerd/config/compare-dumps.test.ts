import assert from "node:assert/strict";
import { test } from "node:test";
import { compareDumps, effectiveConfigPath } from "../../../../src/core/containerd/config/compare-dumps.ts";

const grpc = 'plugins."io.containerd.grpc.v1.cri"';

test("registry settings of ours may differ, nothing else", () => {
  const before = `imports = ["/etc/containerd/config.toml", "/etc/x.toml"]\n[${grpc}]\nsystemd = true\n[${grpc}.registry.mirrors]\n`;
  const after = `imports = ["/etc/x.toml", "/etc/containerd/new"]\n[${grpc}]\nsystemd = true\n[${grpc}.registry]\nconfig_path = "/c"\n[${grpc}.registry.configs."h".auth]\npassword = "hunter2"\n`;
  assert.deepEqual(compareDumps(before, after), []);
});

test("differences are named by key and never by value", () => {
  const before = `a = 1\n[${grpc}]\nsecret = "old"\n[${grpc}.registry.headers]\nX = ["a"]\n`;
  const after = `a = 1.5\n[${grpc}]\nsecret = "new"\n`;
  assert.deepEqual(compareDumps(before, after), ["a", `${grpc}.secret`, `${grpc}.registry.headers.X`]);
});

test("a changed import is a difference, and so is text that is not TOML", () => {
  assert.deepEqual(compareDumps('imports = ["a", "b"]', 'imports = ["c", "d"]'), ["imports"]);
  assert.match(compareDumps("", "a = ")[0] ?? "", /dump after is not TOML/);
});

test("the effective config_path is found in either section", () => {
  assert.equal(effectiveConfigPath(`[${grpc}.registry]\nconfig_path = "/a"\n`), "/a");
  assert.equal(
    effectiveConfigPath("[plugins.'io.containerd.cri.v1.images'.registry]\nconfig_path = ''\n"),
    "",
  );
  assert.equal(effectiveConfigPath("version = 2\n"), undefined);
});
