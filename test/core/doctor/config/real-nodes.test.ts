import assert from "node:assert/strict";
import { test } from "node:test";
import { CONFIG_FINDINGS } from "../../../../src/core/doctor/config/config-findings.ts";
import { findingsOf } from "../../../support/doctored-node.ts";
import { realNodes } from "../../../support/real-nodes.ts";

for (const { name, releases, files, places } of realNodes)
  test(`nothing is wrong with config.toml: ${name}`, async () => {
    for (const release of releases) {
      const findings = await findingsOf(files, release, {}, places);
      const own = findings.filter(({ code }) => Object.hasOwn(CONFIG_FINDINGS, code));
      assert.deepEqual(own, [], release);
    }
  });
