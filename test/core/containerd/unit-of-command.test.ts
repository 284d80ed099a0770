import assert from "node:assert/strict";
import { test } from "node:test";
import { unitOf } from "../../../src/core/containerd/unit-of-command.ts";

test("the unit is found where systemctl is what restarts", () => {
  assert.equal(unitOf(["systemctl", "restart", "containerd.service"]), "containerd.service");
  assert.equal(unitOf(["/usr/bin/systemctl", "--no-block", "restart", "k3s"]), "k3s");
  assert.equal(unitOf(["/opt/restart", "restart", "containerd"]), undefined);
  assert.equal(unitOf(["systemctl", "start", "x"]), undefined);
});
