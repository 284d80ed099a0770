import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Log } from "../../src/agent/ports.ts";
import { createServiceNotifier } from "../../src/edge/sd-notify.ts";
import {
  type ServiceManager,
  serviceManagerSkipReason,
  startServiceManager,
} from "../support/service-manager.ts";

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };
const alive = async (): Promise<boolean> => true;
const skip = serviceManagerSkipReason() ?? false;

async function serviceManager(t: TestContext): Promise<Pick<ServiceManager, "environment" | "next">> {
  const manager = await startServiceManager();
  t.after(() => manager.stop());
  return manager;
}

test("ready, status and stopping arrive in order, on one line each", { skip }, async (t) => {
  const { environment, next } = await serviceManager(t);
  const notifier = createServiceNotifier({ PATH: process.env["PATH"], ...environment() }, silent, alive);
  const sent = [notifier.ready(), notifier.status("in sync:\n3 registries\nREADY=0"), notifier.stopping()];
  assert.deepEqual(
    [await next(), await next(), await next()],
    ["READY=1", "STATUS=in sync: 3 registries READY=0", "STOPPING=1"],
  );
  await Promise.all(sent);
});

test("the watchdog is fed again and again while the loop turns, until the end", { skip }, async (t) => {
  const { environment, next } = await serviceManager(t);
  const loop = setInterval(() => {}, 1000);
  t.after(() => clearInterval(loop));
  const env = { PATH: process.env["PATH"], ...environment(200) };
  const notifier = createServiceNotifier({ ...env, WATCHDOG_PID: String(process.pid) }, silent, alive);
  assert.deepEqual([await next(), await next(), await next()], ["WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"]);
  await notifier.stopping();
  await notifier.close();
  const other = createServiceNotifier({ ...env, WATCHDOG_PID: "1" }, silent, alive);
  await new Promise((resolve) => setTimeout(resolve, 500));
  await other.status("mark");
  const seen: string[] = [];
  while (seen.at(-1) !== "STATUS=mark") seen.push(await next());
  // One ping may be under way when the end begins; were it fed on, there would be five in this time.
  const pings = seen.slice(seen.indexOf("STOPPING=1")).filter((line) => line === "WATCHDOG=1").length;
  assert.ok(pings <= 1, `${pings} pings after the end`);
});

test("the watchdog goes unfed while another thread does not answer, and is fed again when it does", {
  skip,
}, async (t) => {
  const { environment, next } = await serviceManager(t);
  const env = { PATH: process.env["PATH"], ...environment(100) };
  let answer = (): void => {};
  const hung = new Promise<boolean>((resolve) => {
    answer = () => resolve(true);
  });
  const notifier = createServiceNotifier(env, silent, () => hung);
  // Ten times the interval.
  await new Promise((resolve) => setTimeout(resolve, 500));
  await notifier.status("hung");
  assert.equal(await next(), "STATUS=hung");
  answer();
  assert.equal(await next(), "WATCHDOG=1");
  await notifier.close();
});

test("the watchdog goes unfed while the agent's work stands still, and is fed again when it goes on", {
  skip,
}, async (t) => {
  const { environment, next } = await serviceManager(t);
  let stands = true;
  let asked = 0;
  const env = { PATH: process.env["PATH"], ...environment(100) };
  const notifier = createServiceNotifier(env, silent, async () => {
    asked += 1;
    return !stands;
  });
  while (asked < 5) await new Promise((resolve) => setTimeout(resolve, 10));
  await notifier.status("still");
  assert.equal(await next(), "STATUS=still");
  stands = false;
  assert.equal(await next(), "WATCHDOG=1");
  await notifier.close();
});

test("without a service manager nothing is started", async () => {
  const notifier = createServiceNotifier(
    { PATH: "/nonexistent" },
    { ...silent, warn: () => assert.fail() },
    alive,
  );
  await notifier.ready();
  await notifier.status("x");
  await notifier.stopping();
  await notifier.close();
});

test("a missing systemd-notify or a dead socket is one warning and no failure", async () => {
  for (const PATH of ["/nonexistent", process.env["PATH"]]) {
    let warnings = 0;
    const log = { ...silent, warn: () => void warnings++ };
    const notifier = createServiceNotifier({ PATH, NOTIFY_SOCKET: "/nonexistent/notify" }, log, alive);
    await notifier.ready();
    await notifier.stopping();
    assert.equal(warnings, 1);
  }
});
