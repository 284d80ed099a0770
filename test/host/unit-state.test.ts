import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { restartContainerd } from "../../src/host/containerd-restart.ts";
import { parseUnitState, readUnitState } from "../../src/host/unit-state.ts";
import { scratch } from "./scratch.ts";

const shown = (active: string, sub: string, result = "success", restarts = 0) =>
  `Result=${result}\nNRestarts=${restarts}\nLoadState=loaded\nActiveState=${active}\nSubState=${sub}\n`;

test("a unit's own end is told from a stop and a start by somebody", () => {
  for (const [text, is] of [
    [shown("active", "running"), "running"],
    [shown("reloading", "reload"), "running"],
    [shown("inactive", "dead"), "stopped"],
    [shown("failed", "failed", "exit-code"), "failed"],
    [shown("activating", "auto-restart", "signal"), "dying"],
    // systemd 254
    [shown("activating", "auto-restart-queued", "signal"), "dying"],
    [shown("activating", "start"), "changing"],
    [shown("deactivating", "stop-sigterm"), "changing"],
  ] as const)
    assert.equal(parseUnitState(text)?.is, is, text);
  assert.deepEqual(parseUnitState(shown("active", "running", "signal", 3)), {
    is: "running",
    restarts: 3,
    message: "systemd's result is signal",
  });
  assert.equal(
    parseUnitState(shown("active", "running").replace("LoadState=loaded", "LoadState=masked")),
    undefined,
  );
});

test("systemd is asked with the options of the restart command, and its count of starts is cleared around a restart", async (t) => {
  const dir = scratch(t);
  const systemctl = join(dir, "systemctl");
  const script = (show: string): void =>
    writeFileSync(systemctl, `#!/bin/sh\necho "$*" >>'${dir}/asked'\ncase "$*" in *show*) ${show};; esac\n`, {
      mode: 0o755,
    });
  script(`printf '${shown("active", "running").replaceAll("\n", "\\n")}'`);
  const command = [systemctl, "--root=/x", "restart", "k3s.service"];
  assert.deepEqual(await readUnitState(command), { is: "running", restarts: 0 });
  script("exit 1");
  assert.equal(await readUnitState(command), undefined);
  assert.equal(await readUnitState(["/usr/local/bin/restart-containerd"]), undefined);
  assert.deepEqual(await restartContainerd(command, new AbortController().signal), { ok: true });
  assert.deepEqual(readFileSync(join(dir, "asked"), "utf8").trimEnd().split("\n").slice(2), [
    "--root=/x reset-failed -- k3s.service",
    "--root=/x restart k3s.service",
    "--root=/x reset-failed -- k3s.service",
  ]);
});
