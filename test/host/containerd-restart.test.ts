import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { HostError } from "../../src/agent/ports.ts";
import { restartContainerd } from "../../src/host/containerd-restart.ts";
import { scratch } from "./scratch.ts";

const never = new AbortController().signal;

/** What systemctl says of a restart, and of the system. */
function systemctl(context: TestContext, restart: string, system: string): readonly string[] {
  const program = join(scratch(context), "systemctl");
  const script = `#!/bin/sh\ncase "$*" in *is-system-running*) echo ${system};; *) ${restart};; esac\n`;
  writeFileSync(program, script, { mode: 0o755 });
  return [program, "restart", "containerd.service"];
}

test("a unit that fails is told; a systemd that goes down or is replaced throws, for it says nothing of the unit", async (context) => {
  const fails = "echo 'Job for containerd.service failed because the control process exited' >&2; exit 1";
  const failed = await restartContainerd(systemctl(context, fails, "running"), never);
  assert.equal(failed.ok, false);
  // Words of systemd 252, one after the other: its end, its shutdown, and a job that another one displaces.
  for (const [words, system] of [
    [
      "Warning! D-Bus connection terminated.\nFailed to wait for response: Connection reset by peer",
      "running",
    ],
    [
      "Failed to restart containerd.service: Transaction for containerd.service/start is destructive",
      "running",
    ],
    ["Failed to restart containerd.service: Refusing activation, D-Bus is shutting down.", "running"],
    ["Job for containerd.service canceled.", "stopping"],
  ] as const) {
    const command = systemctl(context, `printf '${words.replaceAll("\n", "\\n")}\\n' >&2; exit 1`, system);
    await assert.rejects(
      restartContainerd(command, never),
      (error) => error instanceof HostError && error.code === "service-manager-away" && error.retryable,
      words,
    );
  }
  const cancelled = systemctl(context, "echo 'Job for containerd.service canceled.' >&2; exit 1", "degraded");
  assert.equal((await restartContainerd(cancelled, never)).ok, false);
});
