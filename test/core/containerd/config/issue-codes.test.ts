import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

test("every issue code of config.toml is documented, and the other way round", () => {
  const directory = "src/core/containerd/config";
  const sources = readdirSync(directory).map((name) => readFileSync(`${directory}/${name}`, "utf8"));
  const raised = sources.flatMap((text) =>
    [...text.matchAll(/"(containerd-config-[a-z0-9-]+)"/g)].map(([, code]) => code),
  );
  const documented = [
    ...readFileSync("docs/issues.md", "utf8").matchAll(/^\| `(containerd-config-[a-z0-9-]+)` \|/gm),
  ];
  assert.deepEqual([...new Set(raised)].sort(), documented.map(([, code]) => code).sort());
});
