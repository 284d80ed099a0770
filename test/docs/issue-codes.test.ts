import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

test("every issue code about containerd is documented, and the other way round", () => {
  const sources = ["src/core", "src/agent"].flatMap((directory) =>
    readdirSync(directory, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => readFileSync(join(directory, name), "utf8")),
  );
  const raised = sources.flatMap((text) =>
    [...text.matchAll(/"(containerd-[a-z0-9]+(?:-[a-z0-9]+)+)"/g)].map(([, code]) => code),
  );
  const documented = [
    ...readFileSync("docs/issues.md", "utf8").matchAll(/^\| `(containerd-[a-z0-9-]+)` \|/gm),
  ];
  assert.deepEqual([...new Set(raised)].sort(), documented.map(([, code]) => code).sort());
});
