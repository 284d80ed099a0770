import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type LabContainerd, startContainerd } from "../../support/containerd.ts";
import { defaultConfig } from "../../support/containerd-config.ts";
import { waitForCri } from "../../support/cri-client.ts";
import { labSkipReason } from "../../support/lab-parts.ts";
import { startScriptedRegistry } from "../../support/scripted-registry.ts";
import { isFullSweep } from "../../support/sweep.ts";
import { straceSkipReason } from "../crash/trace-calls.ts";
import { native } from "../support/site.ts";
import { prepareSeparatedNode, privsepSkipReason } from "./separated-node.ts";

/** What a change of the helper's is made of: its own state, the candidate, config.toml. */
const CALLS = ["rename", "fsync", "unlink", "fchmod"] as const;

interface Point {
  readonly call: string;
  readonly nth: number;
}

test("the helper is killed at each of its writes, the agent goes on: nothing is torn, and it converges", {
  skip: labSkipReason() ?? straceSkipReason() ?? privsepSkipReason,
  timeout: 3_000_000,
}, async (context) => {
  const daemon = await startContainerd({ generation: "2.1" });
  context.after(() => daemon.stop());
  const registry = await startScriptedRegistry();
  context.after(() => registry.stop());
  const all = pointsIn((await tryPoint(undefined, daemon, registry.url, context)).trace);
  assert.ok(all.some(({ call }) => call === "rename") && all.length > 8, JSON.stringify(all));
  const points = isFullSweep ? all : all.filter((_, at) => at % 6 === 1);
  let hit = 0;
  for (const point of points) hit += (await tryPoint(point, daemon, registry.url, context)).wasKilled ? 1 : 0;
  assert.ok(hit > 0);
  context.diagnostic(`${hit} kills in ${points.length} of ${all.length} tries: each converged`);
});

async function tryPoint(
  point: Point | undefined,
  daemon: LabContainerd,
  mirror: string,
  context: TestContext,
): Promise<{ readonly trace: string; readonly wasKilled: boolean }> {
  const start = defaultConfig("2.1", daemon).replace(/^.*config_path.*$/gm, "");
  const node = await prepareSeparatedNode(daemon, { containerdConfig: start });
  // One thread for files: strace counts the calls of each thread by itself.
  const helper = await node.startHelper({ UV_THREADPOOL_SIZE: "1" });
  context.after(() => helper.stop());
  const agent = await node.startSeparatedAgent();
  context.after(() => agent.stop());
  const log = join(node.dir, "helper.trace");
  const strace = await attach(helper.pid(), log, point);
  context.after(() => strace.kill("SIGKILL"));
  await node.put("desired-state.yaml", native([{ endpoint: mirror, hosts: ["gcr.io"] }]));
  const torn: string[] = [];
  await agent.until(
    `it is in force (${JSON.stringify(point)})`,
    async () => {
      const text = await readFile(daemon.configPath, "utf8");
      const isWhole = text === start || /config_path = /.test(text);
      if (!isWhole) torn.push(text);
      return isWhole && text !== start && (await agent.readyz()).status === 200;
    },
    90,
  );
  assert.deepEqual(torn, []);
  assert.match(await readFile(join(daemon.certsD, "gcr.io/hosts.toml"), "utf8"), /\[host/);
  assert.equal(await waitForCri(daemon.socket), true);
  strace.kill("SIGTERM");
  await agent.stop();
  await helper.stop();
  assert.equal((await node.run("restore")).code, 0);
  assert.equal(await readFile(daemon.configPath, "utf8"), start);
  return { trace: readFileSync(log, "utf8"), wasKilled: helper.starts() > 1 };
}

async function attach(pid: number, log: string, point: Point | undefined): Promise<ChildProcess> {
  const inject = point && ["-e", `inject=${point.call}:signal=KILL:when=${point.nth}`];
  const args = ["-f", "--detach-on=execve", "-qq", "-o", log, "-p", String(pid)];
  const strace = spawn("strace", [...args, "-e", `trace=${CALLS.join(",")}`, ...(inject ?? [])], {
    stdio: "ignore",
  });
  await once(strace, "spawn");
  for (let tries = 0; tries < 400 && !isTraced(pid); tries++) await sleep(25);
  assert.ok(isTraced(pid));
  return strace;
}

function isTraced(pid: number): boolean {
  const status = `/proc/${pid}/status`;
  return existsSync(status) && /TracerPid:\t[1-9]/.test(readFileSync(status, "utf8"));
}

/** strace counts by thread and call. */
function pointsIn(trace: string): readonly Point[] {
  const counts = new Map<string, number>();
  for (const [, thread = "", call = ""] of trace.matchAll(/^(\d+) +(\w+)\(/gm))
    counts.set(`${thread} ${call}`, (counts.get(`${thread} ${call}`) ?? 0) + 1);
  return CALLS.flatMap((call) => {
    const most = Math.max(0, ...[...counts].filter(([key]) => key.endsWith(` ${call}`)).map(([, n]) => n));
    return Array.from({ length: most }, (_, at) => ({ call, nth: at + 1 }));
  });
}
