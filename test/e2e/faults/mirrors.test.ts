import assert from "node:assert/strict";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { type TestContext, test } from "node:test";
import type { StatusDocument } from "../../../src/agent/status-document.ts";
import { startContainerd } from "../../support/containerd.ts";
import { labSkipReason } from "../../support/lab-parts.ts";
import { isFullSweep } from "../../support/sweep.ts";
import type { LabAgent } from "../support/lab-agent.ts";
import { prepareNode } from "../support/lab-node.ts";
import { native } from "../support/site.ts";

const skip = labSkipReason() ?? false;
const HALF = isFullSweep ? 500 : 16;
/** Of the whole, eight at a time and each until its time is over would take five minutes. */
const IN_FORCE_S = 120;

test("half of the mirrors never answer, the others misbehave in turn: passes come to their end, health answers, verdicts stay", {
  skip,
}, async (context) => {
  const daemon = await startContainerd({ generation: "2.1" });
  context.after(() => daemon.stop());
  const silent = await startSilent(context);
  const fickle = await startFickle(context);
  const node = await prepareNode(daemon, { settings: { resync: '"1s"' } });
  const agent = await node.startAgent({ MIRRORLET_EVIDENCE_PROBE_INTERVAL: "1s" });
  context.after(() => agent.stop());
  const asking = askHealth(agent);

  const entries = Array.from({ length: HALF }, (_, i) => [
    // An address each: what is known of one host says nothing of the next.
    { endpoint: `http://127.1.${i >> 8}.${i & 255}:${silent.port}`, hosts: [`silent${i}.example`] },
    { endpoint: `http://${fickle.host}/v2/team${i}`, hosts: [`fickle${i}.example`] },
  ]).flat();
  await node.put("desired-state.yaml", native(entries, { generation: 1 }));
  await agent.until("it is in force", async () => (await agent.metric(OBSERVED)) === 1, IN_FORCE_S);
  const passes = await agent.metric(UNCHANGED);
  const rounds = fickle.requests();
  await agent.until(
    "passes and probes go on",
    async () => {
      return (await agent.metric(UNCHANGED)) >= passes + 3 && (isFullSweep || fickle.requests() > rounds + 2);
    },
    120,
  );
  const { evidence } = await statusOf(agent);
  const names = new Set(evidence.registries.map(({ verdict }) => verdict.name));
  assert.deepEqual([...names], ["unproven"], "no pull was made, so that nothing is proven of any");
  assert.ok(silent.most() <= 32 + 32, `${silent.most()} connections at once`);
  const { answers, slowest } = await asking.end();
  assert.doesNotMatch(agent.log(), /Warning/, "no warning of Node itself");
  assert.ok(answers > 10, `${answers} answers`);
  context.diagnostic(
    `${2 * HALF} registries, ${silent.most()} connections at once, slowest /health ${slowest} ms`,
  );
});

const OBSERVED = "mirrorlet_config_observed_generation";
const UNCHANGED = 'mirrorlet_passes_total{outcome="unchanged"}';
/** Alone it takes some milliseconds; tests share their machine with many others. */
const HEALTH_MS = 30_000;

/** Accepts everybody on every address of loopback, and says nothing. */
async function startSilent(context: TestContext) {
  let open = 0;
  let most = 0;
  const server = createServer((socket) => {
    most = Math.max(most, ++open);
    socket.on("error", () => undefined).on("close", () => open--);
    socket.resume();
  });
  const port = await listen(server, "0.0.0.0");
  context.after(() => server.close());
  return { port, most: () => most };
}

/** Each request meets another fate: an answer, 503, RST, an answer that trickles in, silence. */
async function startFickle(context: TestContext) {
  let requests = 0;
  const server = createHttpServer((_request, response) => {
    const fate = requests++ % 5;
    if (fate === 1) response.writeHead(503).end();
    else if (fate === 2) response.socket?.resetAndDestroy();
    else if (fate === 4) return;
    else if (fate === 0) response.writeHead(200, { "content-type": "application/json" }).end("{}");
    else {
      response.writeHead(200, { "content-type": "application/json" });
      const trickle = setInterval(() => response.write(" "), 200);
      response.on("close", () => clearInterval(trickle));
    }
  });
  const port = await listen(server, "127.0.0.1");
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { host: `127.0.0.1:${port}`, requests: () => requests };
}

function listen(server: Server, address: string): Promise<number> {
  return new Promise((resolve) =>
    server.listen(0, address, () => resolve((server.address() as AddressInfo).port)),
  );
}

/** Asks all the time; an answer that does not come in time fails the test. */
function askHealth({ address }: LabAgent) {
  const ended = new AbortController();
  let [answers, slowest] = [0, 0];
  const run = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      const startedMs = performance.now();
      const signal = AbortSignal.timeout(HEALTH_MS);
      const response = await fetch(`http://${address}/health`, { headers: { connection: "close" }, signal });
      await response.arrayBuffer();
      slowest = Math.max(slowest, Math.round(performance.now() - startedMs));
      answers += 1;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const running = run();
  running.catch(() => undefined);
  return {
    async end() {
      ended.abort();
      await running;
      return { answers, slowest };
    },
  };
}

async function statusOf(agent: LabAgent): Promise<StatusDocument> {
  const response = await fetch(`http://${agent.address}/status.json`, { headers: { connection: "close" } });
  return (await response.json()) as StatusDocument;
}
