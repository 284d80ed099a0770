import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseAgentConfig } from "../../src/core/agent-config/parse-agent-config.ts";
import { composeNode } from "../../src/program/compose-node.ts";

test("behind --root only the agent makes a witness: what apply writes there may become many nodes", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "mirrorlet-image-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const parsed = parseAgentConfig({ env: {}, flags: [] });
  assert.ok(parsed.ok);
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const keep = async (isLive?: true) => {
    const { createContext } = composeNode({ config: parsed.config, root, log }, isLive);
    const options = { sources: [], adopt: false, mayRestart: false, retryQuarantined: true };
    return createContext(options).witness?.keep();
  };
  assert.equal(await keep(), undefined);
  const made = await keep(true);
  assert.match(made?.certificate ?? "", /BEGIN CERTIFICATE/);
  assert.deepEqual(await keep(), made, "one that runs keeps its own");
});
