import assert from "node:assert/strict";
import { test } from "node:test";
import { findingsOf } from "../../support/doctored-node.ts";
import { realNodes } from "../../support/real-nodes.ts";

test("nothing is wrong with nodes as distributions, installers and other tools leave them", async (context) => {
  const nodes = await realNodes();
  let count = 0;
  const alarms: string[] = [];
  for (const { name, releases, files, places } of nodes)
    for (const release of releases) {
      count++;
      const findings = await findingsOf(files, release, {}, places);
      alarms.push(...findings.map(({ code, fact }) => `${name}, ${release}: ${code}: ${fact}`));
    }
  assert.deepEqual(alarms, []);
  context.diagnostic(`${count} nodes, no finding`);
  assert.ok(count >= 150, "all of them were looked at");
});
