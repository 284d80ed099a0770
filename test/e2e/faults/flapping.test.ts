import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { chmod, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { startContainerd } from "../../support/containerd.ts";
import { labSkipReason } from "../../support/lab-parts.ts";
import { startScriptedRegistry } from "../../support/scripted-registry.ts";
import { isFullSweep } from "../../support/sweep.ts";
import type { LabAgent } from "../support/lab-agent.ts";
import { prepareNode } from "../support/lab-node.ts";
import { native } from "../support/site.ts";

const skip = labSkipReason() ?? false;
/** A thousand in a minute, or as many in a row as CI has time for. */
const FLAPS = isFullSweep ? 1000 : 200;
const EVERY_MS = isFullSweep ? 60 : 25;

test("a desired state that flaps a thousand times in a minute: the last one is in force, and nothing was wasted for the others", {
  skip,
}, async (context) => {
  const mirror = await startScriptedRegistry();
  context.after(() => mirror.stop());
  const daemon = await startContainerd({ generation: "2.1" });
  context.after(() => daemon.stop());
  // Without config_path: the first state costs a restart, and none after it does.
  const node = await prepareNode(daemon, { containerdConfig: "version = 3\n" });
  const agent = await node.startAgent();
  context.after(() => agent.stop());
  const path = node.desiredState;
  const desired = (generation: number): string =>
    native(
      [
        { endpoint: mirror.url, hosts: ["gcr.io"] },
        { endpoint: `${mirror.url}/v2/generation-${generation}`, hosts: ["quay.io"] },
      ],
      { generation },
    );
  await agent.apply(desired(1));
  await agent.until(
    "it is at rest",
    async () => descriptorsOf(agent) > 0 && (await agent.metric(READY)) === 1,
  );
  const before = { descriptors: descriptorsOf(agent), pid: await daemon.pid(), memory: memoryOf(agent) };

  const ways: readonly ((generation: number) => Promise<unknown>)[] = [
    (generation) => writeFile(path, desired(generation)),
    async (generation) => {
      await writeFile(`${path}.new`, desired(generation));
      await rename(`${path}.new`, path);
    },
    () => rm(path, { force: true }),
    (generation) => writeFile(path, desired(generation).slice(0, 40)),
    () => chmod(path, 0o666).catch(() => undefined),
    () => chmod(path, 0o600).catch(() => undefined),
  ];
  for (let flap = 2; flap < FLAPS; flap += 1) {
    await ways[(flap * 7) % ways.length]?.(flap);
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
  await rm(path, { force: true });
  await writeFile(path, desired(FLAPS), { mode: 0o600 });
  await agent.until("the last one is in force", async () => {
    return (await agent.metric(OBSERVED)) === FLAPS && (await agent.metric(READY)) === 1;
  });
  const hosts = await readFile(join(daemon.certsD, "quay.io/hosts.toml"), "utf8");
  assert.ok(hosts.includes(`generation-${FLAPS}`), hosts);
  assert.equal(await daemon.pid(), before.pid, "certs.d alone changed, so that containerd runs on");
  assert.deepEqual(
    (await readFile(join(daemon.certsD, "gcr.io/hosts.toml"), "utf8")).includes(mirror.url),
    true,
  );
  await agent.until("descriptors are as before", async () => descriptorsOf(agent) <= before.descriptors + 2);
  const left = readdirSync(daemon.certsD).filter((name) => name.includes("tmp") || name.startsWith("."));
  assert.deepEqual(left, []);
  const grown = memoryOf(agent) - before.memory;
  assert.ok(grown < 100, `it has grown by ${grown} MiB`);
  context.diagnostic(
    `${FLAPS} changes; descriptors ${before.descriptors} before and ${descriptorsOf(agent)} after, memory by ${grown} MiB`,
  );
});

const OBSERVED = "mirrorlet_config_observed_generation";
const READY = 'mirrorlet_condition{type="Ready"}';

function descriptorsOf({ pid }: LabAgent): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Resident, MiB. */
function memoryOf({ pid }: LabAgent): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024);
}
