import assert from "node:assert/strict";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { restartContainerd, unitAwaitsReload } from "../../src/host/containerd-restart.ts";
import { runCommand, runDetaching } from "../../src/host/run-command.ts";
import { scratch, undo } from "./scratch.ts";

const never = new AbortController().signal;

test("arguments reach the program as they are, and the environment does not", async () => {
  const ran = await runCommand("/usr/bin/printf", ["%s", "$(id); `id` 'x'"], 5_000);
  assert.deepEqual(ran, { status: 0, stdout: "$(id); `id` 'x'", stderr: "" });
  process.env["MIRRORLET_TEST_SECRET"] = "hunter2";
  const env = await runCommand("/usr/bin/env", [], 5_000);
  delete process.env["MIRRORLET_TEST_SECRET"];
  assert.deepEqual(env.stdout.match(/^\w+(?==)/gm)?.sort(), ["HOME", "LC_ALL", "PATH"]);
});

test("a program that hangs is ended at its limit", async () => {
  const query = await runCommand("/bin/sleep", ["1000"], 50);
  assert.equal(query.status, undefined);
  assert.match(query.failure ?? "", /still running after 0.05 s/);
  const restart = await runDetaching(["sleep", "1000"], { timeoutMs: 50 });
  assert.match(restart.failure ?? "", /still running after 0.05 s/);
});

test("a restart that is aborted ends with the command", async () => {
  const controller = new AbortController();
  const running = restartContainerd(["sleep", "1000"], controller.signal);
  controller.abort();
  const result = await running;
  assert.ok(!result.ok);
  assert.match(result.message, /mirrorlet is stopping/);
});

test("a failing restart gives its own words, a missing one its name", async () => {
  const failing = await restartContainerd(["sh", "-c", "echo it is broken >&2; exit 3"], never);
  assert.deepEqual(failing, {
    ok: false,
    message: "sh -c echo it is broken >&2; exit 3: ended with status 3: it is broken",
  });
  const missing = await restartContainerd(["no-such-program"], never);
  assert.ok(!missing.ok);
  assert.match(missing.message, /no-such-program: not found/);
});

test("a restart ends with its command though a daemon keeps the outputs, and the daemon can go on writing", async (t) => {
  const directory = scratch(t);
  const script = join(directory, "restart");
  const daemon = `i=0; while [ $i -lt 50 ]; do echo x >&2 || exit 1; i=$((i+1)); [ $i -eq 3 ] && echo $$ > '${directory}/alive'; sleep 0.1; done`;
  writeFileSync(
    script,
    `#!/bin/sh\nsh -c "${daemon.replaceAll("$", "\\$")}" &\necho $! > '${directory}/pid'\n`,
  );
  chmodSync(script, 0o755);
  assert.deepEqual(await restartContainerd([script], never), { ok: true });
  const pid = Number(readFileSync(join(directory, "pid"), "utf8"));
  undo(t, () => process.kill(pid, "SIGKILL"));
  for (let i = 0; i < 100 && !existsSync(join(directory, "alive")); i++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.equal(Number(readFileSync(join(directory, "alive"), "utf8")), pid);
});

test("systemctl is asked whether the unit awaits a reload, with the options of the restart command", async (t) => {
  const systemctl = join(scratch(t), "systemctl");
  const answer = (text: string): void =>
    writeFileSync(
      systemctl,
      `#!/bin/sh\n[ "$*" = "--root=/x show --property=NeedDaemonReload -- k3s" ] || exit 1\n${text}\n`,
      {
        mode: 0o755,
      },
    );
  const command = [systemctl, "--root=/x", "restart", "k3s"];
  answer("echo NeedDaemonReload=yes");
  assert.equal(await unitAwaitsReload(command), true);
  assert.equal(await unitAwaitsReload([systemctl, "--root=/x", "restart", "other"]), false);
  for (const other of ["echo NeedDaemonReload=no", "echo Failed to connect to bus >&2; exit 1"]) {
    answer(other);
    assert.equal(await unitAwaitsReload(command), false, other);
  }
  assert.equal(await unitAwaitsReload(["/usr/local/bin/restart-containerd"]), false);
});
