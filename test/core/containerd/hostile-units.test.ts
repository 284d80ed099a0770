import assert from "node:assert/strict";
import { test } from "node:test";
import { serviceName, tracesPlaceOf } from "../../../src/core/containerd/tracing/traces-place.ts";
import { unitOf } from "../../../src/core/containerd/unit-of-command.ts";
import { isTracesDropIn } from "../../../src/core/privilege/judge-traces-file.ts";

const hostile = [
  "-H host",
  "-Hhost",
  "--host=evil",
  "x; rm -rf /",
  "x\nExecStart=/bin/sh",
  "x\0y",
  "$(id)",
  "`id`",
  "a b",
  "../../etc/passwd",
  "/etc/systemd/system/x.service",
  "x/../../y",
  "*",
  "x%n",
  'x"y',
  "x'y",
  "é",
  "",
  ".",
  "..",
  "x".repeat(300),
  "\u202econtainerd",
];

test("a hostile name is taken for no unit, and for no file of one", () => {
  for (const name of hostile) {
    for (const unit of [name, `${name}.service`])
      assert.ok(serviceName(unit) === undefined || /^[\w:.@-]+$/.test(serviceName(unit) ?? ""), name);
    for (const restart of [
      ["systemctl", "restart", name],
      ["systemctl", "restart", "--", name],
      ["/usr/bin/systemctl", "restart", name],
    ]) {
      const unit = unitOf(restart);
      assert.ok(unit === undefined || !unit.startsWith("-"), `${restart}`);
      const place = tracesPlaceOf({ restart, environmentFile: undefined });
      const path = place?.path ?? "/etc/systemd/system/x.service.d/50-mirrorlet-traces.conf";
      assert.match(path, /^\/etc\/systemd\/system\/[\w:.@\\-]+\.d\/50-mirrorlet-traces\.conf$/, name);
      assert.doesNotMatch(path, /\/\.\.?\//, name);
    }
    const path = `/etc/systemd/system/${name}.d/50-mirrorlet-traces.conf`;
    assert.equal(isTracesDropIn(path), false, name);
  }
  assert.equal(serviceName("containerd"), "containerd.service");
  assert.equal(isTracesDropIn("/etc/systemd/system/k3s.service.d/50-mirrorlet-traces.conf"), true);
});
