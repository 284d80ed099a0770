import assert from "node:assert/strict";
import { test } from "node:test";
import { importPatterns } from "../../../../src/core/containerd/config/import-patterns.ts";
import { parseContainerdVersion } from "../../../../src/core/containerd/version.ts";

const text = '\nimports = ["/etc/a/../x.toml", "conf.d/*.toml", "./one.toml"] # three\n';

function patterns(release: string, content = text) {
  const version = parseContainerdVersion(release);
  assert.ok(version);
  return importPatterns({ path: "/etc/containerd/config.toml", text: content }, version);
}

test("paths are relative to the importing file", () => {
  for (const release of ["1.7.24", "2.1.9"]) {
    assert.deepEqual(
      patterns(release).map(({ pattern, isGlob }) => [pattern, isGlob]),
      [
        ["/etc/x.toml", false],
        ["/etc/containerd/conf.d/*.toml", true],
        ["/etc/containerd/one.toml", false],
      ],
    );
  }
  assert.deepEqual(patterns("2.1.9")[0]?.at, { file: "/etc/containerd/config.toml", line: 2, column: 1 });
});

test("1.6 leaves relative globs to the daemon's working directory", () => {
  assert.deepEqual(
    patterns("1.6.20").map(({ pattern, isRelativeToDaemon }) => [pattern, isRelativeToDaemon]),
    [
      ["/etc/x.toml", false],
      ["conf.d/*.toml", true],
      ["/etc/containerd/one.toml", false],
    ],
  );
});

test("nothing is imported by a file without the key, or that is not TOML", () => {
  assert.deepEqual(patterns("2.1.9", "version = 3\n"), []);
  assert.deepEqual(patterns("2.1.9", "imports = ["), []);
});
