import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createClock } from "../../src/host/clock.ts";

test("uptime is the kernel's and goes forward", async () => {
  const clock = createClock();
  const kernelMs = Number.parseFloat(readFileSync("/proc/uptime", "utf8")) * 1000;
  const first = clock.uptimeMs();
  assert.ok(first >= Math.floor(kernelMs) && first < kernelMs + 60_000, `${first} is not about ${kernelMs}`);
  await clock.sleep(30);
  assert.ok(clock.uptimeMs() > first);
});

test("the boot id is the kernel's", () => {
  const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  assert.equal(createClock().bootId, bootId);
});

test("sleep ends with the signal's own reason", async () => {
  const clock = createClock();
  const reason = new Error("stopping");
  const controller = new AbortController();
  const sleeping = clock.sleep(3_600_000, controller.signal);
  controller.abort(reason);
  await assert.rejects(sleeping, (error) => error === reason);
  await assert.rejects(clock.sleep(3_600_000, controller.signal), (error) => error === reason);
});
