import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { shellWord } from "../../../src/core/doctor/shell-word.ts";

test("a shell reads the very path again", () => {
  for (const path of [
    "/etc/a b",
    "/etc/it's",
    '/etc/$HOME `id` \\ "*" é',
    "/etc/~x;y&z|<>()",
    "/etc/plain_5000_",
  ])
    assert.equal(execFileSync("sh", ["-c", `printf %s ${shellWord(path)}`], { encoding: "utf8" }), path);
  assert.equal(shellWord("/etc/containerd/certs.d/a.example:5000"), "/etc/containerd/certs.d/a.example:5000");
});
