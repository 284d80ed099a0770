import assert from "node:assert/strict";
import { test } from "node:test";
import { restartContainerd } from "../../src/host/containerd-restart.ts";
import { desired, registry } from "./desired.ts";
import { CONFIG, createTestNode } from "./test-node.ts";

const SAY_SECRET = [
  "/bin/sh",
  "-c",
  "echo 'bad value: password = \"hunter2\" for https://u:hunter2@m.example' >&2; exit 1",
];

test("a secret in the words of the restart command reaches no report, neither now nor later", async () => {
  const node = createTestNode("1.7.24");
  try {
    node.write(CONFIG, "version = 2\n");
    const { restart } = node.containerd;
    node.containerd.restart = async (signal) => {
      node.containerd.restart = restart;
      return restartContainerd(SAY_SECRET, signal);
    };
    const state = desired(registry("gcr.io", ["http://127.0.0.1:5001"]));
    for (const _ of ["as it fails", "while it is in quarantine"]) {
      const report = await node.pass(state);
      assert.match(report.conditions[0]?.message ?? "", /bad value: password = \*\*\*/);
      assert.doesNotMatch(JSON.stringify(report), /hunter2/);
      node.clock.advance(3_600_000);
    }
  } finally {
    node.remove();
  }
});
