import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { StatusDocument } from "../../../src/agent/status-document.ts";
import { forEachGeneration, startContainerd } from "../../support/containerd.ts";
import { startScriptedRegistry } from "../../support/scripted-registry.ts";
import type { LabAgent } from "../support/lab-agent.ts";
import { prepareNode } from "../support/lab-node.ts";
import { native } from "../support/site.ts";

forEachGeneration(
  "a running agent tells what is wrong beside its own files, everywhere",
  async (generation, t) => {
    const mirror = await startScriptedRegistry({ closesOnGarbage: true });
    t.after(() => mirror.stop());
    const daemon = await startContainerd({ generation });
    t.after(() => daemon.stop());
    const node = await prepareNode(daemon, {});
    const agent = await node.startAgent();
    t.after(() => agent.stop());
    await agent.apply(
      native(
        [
          { endpoint: mirror.url, hosts: ["gcr.io", "*"] },
          { endpoint: `${mirror.url}/v2/cache`, hosts: ["shut.example:5000"] },
        ],
        { upstream: { "shut.example:5000": "never" } },
      ),
    );
    assert.deepEqual((await statusOf(agent)).findings, [], "what the agent writes is clean");

    const stray = join(daemon.certsD, "quay.io");
    mkdirSync(stray);
    writeFileSync(join(stray, "hosts.toml"), `[host."${mirror.url}"]\n  capabilities = ["pull", "resolv"]\n`);
    const found = async () => (await statusOf(agent)).findings.find(({ where }) => where.includes(stray));
    await agent.until("the stray file is told", async () => (await found()) !== undefined);
    const finding = await found();
    assert.equal(finding?.severity, "error");
    assert.match(finding?.message ?? "", /quay\.io/);
    const sample = `mirrorlet_finding{code="${finding?.code}",severity="error"}`;
    assert.equal(await agent.metric(sample), 1);
    assert.ok((await textOf(agent, "/")).includes(String(finding?.code)));
    assert.match(
      (await node.run("status", "--set", `http.address=${agent.address}`)).stdout,
      new RegExp(`\\(${finding?.code}\\)`),
    );

    rmSync(stray, { recursive: true });
    await agent.until("it is gone", async () => (await found()) === undefined);
    assert.equal(await agent.metric(sample), Number.NaN);
  },
);

async function textOf(agent: LabAgent, path: string): Promise<string> {
  const response = await fetch(`http://${agent.address}${path}`, { headers: { connection: "close" } });
  return response.text();
}

async function statusOf(agent: LabAgent): Promise<StatusDocument> {
  return JSON.parse(await textOf(agent, "/status.json")) as StatusDocument;
}
