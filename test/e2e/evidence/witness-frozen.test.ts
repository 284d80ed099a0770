import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, type TestContext } from "node:test";
import { forEachGeneration, type LabContainerd } from "../../support/containerd.ts";
import { buildImage } from "../../support/image.ts";
import { labSkipReason } from "../../support/lab-parts.ts";
import type { ScriptedRegistry } from "../../support/scripted-registry.ts";
import {
  serviceManagerSkipReason,
  startServiceManager,
  unitWatchdogMs,
} from "../../support/service-manager.ts";
import type { LabAgent } from "../support/lab-agent.ts";
import { type LabNode, prepareNode } from "../support/lab-node.ts";
import { native } from "../support/site.ts";
import { startWitnessSite, type WitnessSite } from "../support/witness-site.ts";

/** The mirror has what begins with `mirrored/`. */
let site: WitnessSite;

before(async () => {
  if (labSkipReason() !== undefined) return;
  site = await startWitnessSite(["gcr.io"]);
});

after(() => site?.stop());

let images = 0;

function publish(where: ScriptedRegistry, repository: string): string {
  const tag = `n${++images}`;
  where.put(repository, tag, buildImage({ layers: 4 }));
  return `gcr.io/${repository}:${tag}`;
}

async function timed(daemon: LabContainerd, reference: string): Promise<number> {
  const startedMs = performance.now();
  const result = await daemon.pull(reference, { timeoutMs: 120_000 });
  assert.equal(result.ok, true, JSON.stringify(result));
  return performance.now() - startedMs;
}

/** The state of a process as `ps` shows it: `T` is stopped. */
async function stateOf(pid: number): Promise<string> {
  return (await readFile(`/proc/${pid}/stat`, "utf8")).replace(/^.*\) /s, "").slice(0, 1);
}

interface Started {
  readonly node: LabNode;
  readonly agent: LabAgent;
}

async function start(
  daemon: LabContainerd,
  context: TestContext,
  options: { readonly witness: boolean; readonly environment: Readonly<Record<string, string>> },
): Promise<Started> {
  const node = await prepareNode(daemon, { witness: options.witness });
  const agent = await node.startAgent(options.environment);
  context.after(() => agent.kill());
  await agent.apply(native([{ endpoint: site.mirror.url, hosts: ["gcr.io"] }]));
  return { node, agent };
}

const skip = serviceManagerSkipReason();

forEachGeneration(
  "a frozen agent: the watchdog ends it, pulls succeed, and those that need it not do not wait",
  async (generation, context) => {
    if (skip !== undefined) return context.skip(skip);
    const daemon = await site.daemons.get(generation);
    const watchdogMs = await unitWatchdogMs();
    const manager = await startServiceManager();
    context.after(() => manager.stop());
    const environment = manager.environment(watchdogMs);

    const without = await start(daemon, context, { witness: false, environment: {} });
    process.kill(without.agent.pid, "SIGSTOP");
    const optedOutMs = await timed(daemon, publish(site.upstream, "missing/app"));
    assert.equal(await stateOf(without.agent.pid), "T", "opted out, nobody waits for it");
    await without.agent.kill();

    const { agent } = await start(daemon, context, { witness: true, environment });
    const watchdog = manager.watch(agent.pid, watchdogMs);
    context.after(() => watchdog.dismiss());
    const aliveMs = await timed(daemon, publish(site.upstream, "missing/app"));
    const references = Array.from({ length: 5 }, () => publish(site.upstream, "missing/app"));
    site.mirror.clearRequests();
    const pulls = Promise.all(references.map((reference) => timed(daemon, reference)));
    await agent.until("pulls are under way", async () => site.mirror.requests().length > 0);
    process.kill(agent.pid, "SIGSTOP");
    const frozenAtMs = performance.now();
    const mirroredMs = await timed(daemon, publish(site.mirror, "mirrored/app"));
    assert.equal(await stateOf(agent.pid), "T", "what mirrors serve does not wait");
    assert.equal(await watchdog.killed, true);
    const killedMs = performance.now() - frozenAtMs;
    const frozenMs = Math.max(...(await pulls));
    const afterMs = await timed(daemon, publish(site.upstream, "missing/app"));
    const row = [optedOutMs, aliveMs, mirroredMs, killedMs, frozenMs, afterMs].map((ms) =>
      (ms / 1000).toFixed(2),
    );
    context.diagnostic(
      `containerd ${daemon.version.text}, seconds a pull: opted out and frozen ${row[0]}; alive ${row[1]}; ` +
        `served by the mirror, frozen ${row[2]}; killed after ${row[3]}; longest of five, frozen ${row[4]}; killed ${row[5]}`,
    );
  },
);
