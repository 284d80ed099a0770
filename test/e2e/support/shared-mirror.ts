import assert from "node:assert/strict";
import { after, before } from "node:test";
import { labSkipReason } from "../../support/lab-parts.ts";
import { type ScriptedRegistry, startScriptedRegistry } from "../../support/scripted-registry.ts";
import { type SharedDaemons, shareDaemons } from "./shared-daemons.ts";

/** One mirror and one containerd of each generation, for all tests of the file that asks for them. */
export function shareMirror(): { readonly mirror: ScriptedRegistry; readonly daemons: SharedDaemons } {
  const daemons = shareDaemons({});
  let mirror: ScriptedRegistry | undefined;
  before(async () => {
    if (labSkipReason() === undefined) mirror = await startScriptedRegistry();
  });
  after(async () => {
    await daemons.stop();
    await mirror?.stop();
  });
  return {
    daemons,
    get mirror() {
      assert.ok(mirror, "asked for before the tests began");
      return mirror;
    },
  };
}
