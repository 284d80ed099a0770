import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runMirrorlet } from "../../e2e/support/mirrorlet.ts";
import { frontedRegistry } from "../../support/fronted-registry.ts";
import { buildImage } from "../../support/image.ts";
import { partSkipReason } from "../../support/lab-parts.ts";
import { layoutParts } from "../../support/layout-parts.ts";
import { bundleFile } from "../../support/opened-bundle.ts";
import { ownState } from "../../support/own-state.ts";
import { tarOf } from "../../support/tar.ts";

ownState();
const skip = partSkipReason("docker-registry");
const { registry } = await frontedRegistry(skip);

test("what is at rest passes through no staging repository, and takes no name for one", {
  skip,
}, async (t) => {
  const file = bundleFile(t, "b.tar", tarOf(layoutParts({ "gcr.io/a/b:1": buildImage() })));
  const { code, stderr } = await runMirrorlet(["push", file, "--to", registry.host, "--plain-http"]);
  assert.equal(code, 0, stderr);
  const kept = readdirSync(join(process.env["XDG_STATE_HOME"] ?? "", "mirrorlet", "push"));
  assert.deepEqual(
    kept.map((name) => name.replace(/^[0-9a-f]+/, "")),
    [".jsonl"],
  );
});
