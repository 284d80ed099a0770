import assert from "node:assert/strict";
import { test } from "node:test";
import { parseContainerdVersion, traitsOf } from "../../../src/core/containerd/version.ts";

test("image records are written again by each pull until 1.6.29 and 1.7.14", () => {
  const rewrites = (text: string) => {
    const version = parseContainerdVersion(text);
    assert.ok(version !== undefined, text);
    return traitsOf(version).rewritesImageRecords;
  };
  for (const text of ["1.6.0", "1.6.20~ds1", "1.6.28", "1.7.0", "1.7.13"]) assert.ok(rewrites(text), text);
  for (const text of ["1.6.29", "1.6.39", "1.7.14", "1.7.24~ds1", "2.0.0", "2.1.9+unknown"])
    assert.ok(!rewrites(text), text);
});
