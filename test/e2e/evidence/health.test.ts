import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import type { StatusDocument } from "../../../src/agent/status-document.ts";
import {
  type Generation,
  generations,
  type LabContainerd,
  startContainerd,
} from "../../support/containerd.ts";
import { findFreePort } from "../../support/free-port.ts";
import { buildImage } from "../../support/image.ts";
import { labSkipReason } from "../../support/lab-parts.ts";
import { type ScriptedRegistry, startScriptedRegistry } from "../../support/scripted-registry.ts";
import { isFullSweep } from "../../support/sweep.ts";
import { createCa } from "../../support/tls.ts";
import { type LabUpstream, startUpstream } from "../../support/upstream.ts";
import type { LabAgent } from "../support/lab-agent.ts";
import { type LabNode, prepareNode } from "../support/lab-node.ts";
import { native, pulled } from "../support/site.ts";

let mirror: ScriptedRegistry;
/** gcr.io itself. */
let origin: ScriptedRegistry;
let upstream: LabUpstream;

before(async () => {
  if (labSkipReason() !== undefined) return;
  const ca = await createCa();
  mirror = await startScriptedRegistry({ closesOnGarbage: true });
  origin = await startScriptedRegistry({ tls: await ca.issueServer({ hosts: ["gcr.io"] }) });
  upstream = await startUpstream(ca, { "gcr.io": origin.host });
});

after(() => Promise.all([upstream?.stop(), origin?.stop(), mirror?.stop()]));

const skip = labSkipReason() ?? false;
for (const generation of isFullSweep ? generations : (["1.7"] as const))
  test(
    `a mirror goes and comes back: health tells it, by the witness (containerd ${generation})`,
    {
      skip,
    },
    (context) => goAndComeBack(generation, context, "witness"),
  );
test("a mirror goes and comes back: health tells it, by traces (containerd 2.1)", { skip }, (context) =>
  goAndComeBack("2.1", context, "trace"),
);

async function goAndComeBack(
  generation: Generation,
  context: TestContext,
  source: "trace" | "witness",
): Promise<void> {
  const { daemon, node, agent } = await setUp(generation, context, source);
  const open = { endpoint: mirror.url, hosts: ["gcr.io"] };
  await agent.apply(native([open]));
  const standing = watchStanding(agent);

  await pull(daemon, "gcr.io");
  await untilHealth(agent, 200, "pass", "gcr.io", /^mirrored: /);
  await expectStatus(node, 0, /^gcr\.io is served by its mirror\.$/);
  assert.deepEqual(origin.requests(), []);

  await mirror.stop();
  await untilHealth(agent, 200, "warn", "gcr.io", /connection refused.*pulls would go to gcr\.io/);
  await expectStatus(
    node,
    1,
    /^No mirror of gcr\.io answers, so that pulls would go to gcr\.io: .*connection refused/,
  );
  assert.equal((await verdictOf(agent, "gcr.io")).name, "mirrored", "no pull has shown anything else");

  const silent = await pull(daemon, "gcr.io");
  assert.ok(pulled(origin).length > 2, "it went well, from gcr.io");
  await untilVerdict(agent, "gcr.io", "bypassed");
  const { pulls, ...verdict } = await verdictOf(agent, "gcr.io");
  assert.deepEqual([pulls, verdict.source], [1, source], "by that very pull");
  await untilHealth(agent, 503, "fail", "gcr.io", /^bypassed: .*connection refused/);
  await expectStatus(node, 1, /^Pulls of gcr\.io bypass the mirror: .*connection refused\.$/);
  assert.equal(await agent.metric('mirrorlet_verdict{registry="gcr.io",verdict="bypassed"}'), 1);
  assert.equal(await agent.metric('mirrorlet_verdict{registry="gcr.io",verdict="mirrored"}'), 0);
  await expectLastPull(node, silent, new RegExp(`from the upstream gcr\\.io \\(evidence: ${source}\\)`));

  await mirror.start();
  await untilHealth(agent, 200, "warn", "gcr.io", /a mirror answers probes again; the next pull will show$/);
  await expectStatus(node, 1, /^Pulls of gcr\.io bypass the mirror: /);
  const again = await pull(daemon, "gcr.io");

  // What is left of the time of grace is used for a registry whose upstream is closed.
  await agent.apply(
    native([open, { endpoint: mirror.url, hosts: ["shut.example"] }], {
      upstream: { "shut.example": "never" },
    }),
  );
  await pull(daemon, "shut.example");
  await untilVerdict(agent, "shut.example", "mirrored");
  await mirror.stop();
  await untilHealth(agent, 503, "fail", "shut.example", /connection refused.*pulls would fail/);
  await expectStatus(node, 1, /shut\.example.*connection refused/);
  await mirror.start();

  await untilVerdict(agent, "gcr.io", "mirrored", 60);
  await untilHealth(agent, 200, "pass", "gcr.io", /^mirrored: /);
  await untilHealth(agent, 200, "pass", "shut.example", /^mirrored: /);
  await expectStatus(node, 0, /^All 2 registries are served by their mirrors\.$/);
  await expectLastPull(node, again, /from (the mirror|a mirror|127\.0\.0\.1)/);

  const { rounds, answers } = await standing.end();
  assert.ok(rounds > 20, `${rounds} rounds`);
  assert.deepEqual(answers, ["/livez 200", "/readyz 200"]);
}

interface Setup {
  readonly daemon: LabContainerd;
  readonly node: LabNode;
  readonly agent: LabAgent;
}

async function setUp(generation: Generation, context: TestContext, source: string): Promise<Setup> {
  const daemon = await startContainerd({ generation, ...upstream.daemonOptions });
  context.after(() => daemon.stop());
  context.after(() => mirror.start().catch(() => undefined));
  origin.clearRequests();
  const node = await prepareNode(daemon, { tracesPort: await findFreePort() });
  const agent = await node.startAgent({
    MIRRORLET_EVIDENCE_PROBE_INTERVAL: "1s",
    MIRRORLET_EVIDENCE_TRACES: String(source === "trace"),
  });
  context.after(() => agent.stop());
  return { daemon, node, agent };
}

let images = 0;

/** A new image, which the mirror and gcr.io have. Nobody tells whether something went wrong but the evidence. */
async function pull(daemon: LabContainerd, namespace: string): Promise<string> {
  const [image, repository] = [buildImage({ layers: 2 }), `team/app${++images}`];
  for (const registry of [mirror, origin]) registry.put(repository, "1", image);
  const reference = `${namespace}/${repository}:1`;
  const result = await daemon.pull(reference);
  assert.equal(result.ok, true, JSON.stringify(result));
  return reference;
}

interface HealthJson {
  readonly status: string;
  readonly checks: Readonly<Record<string, readonly { readonly status: string; readonly output: string }[]>>;
}

/** Waits until `/health` as a whole has a status, with a registry whose check has the same one and fits. */
async function untilHealth(
  agent: LabAgent,
  code: number,
  status: string,
  registry: string,
  output: RegExp,
): Promise<void> {
  let seen = "";
  const what = `/health is ${code} ${status}, with ${registry} ${output}`;
  const check = async () => {
    const response = await get(agent, "/health");
    seen = `${response.status} ${await response.clone().text()}`;
    const health = (await response.json()) as HealthJson;
    const [first] = health.checks[`registry:${registry}`] ?? [];
    return (
      response.status === code &&
      health.status === status &&
      first?.status === status &&
      output.test(first.output)
    );
  };
  await agent.until(what, check).catch((error) => assert.fail(`${what}; it was ${seen}; ${error}`));
}

async function untilVerdict(
  agent: LabAgent,
  registry: string,
  name: string,
  seconds?: number,
): Promise<void> {
  const check = async () => (await verdictOf(agent, registry)).name === name;
  await agent.until(`${registry} is ${name}`, check, seconds);
}

async function verdictOf(agent: LabAgent, registry: string) {
  const { evidence } = (await (await get(agent, "/status.json")).json()) as StatusDocument;
  const found = evidence.registries.find(({ namespace }) => namespace === registry);
  assert.ok(found, registry);
  return found.verdict;
}

function get(agent: LabAgent, path: string): Promise<Response> {
  return fetch(`http://${agent.address}${path}`, { headers: { connection: "close" } });
}

/** `mirrorlet status`, for people and for node-problem-detector: the same code here, for something is known. */
async function expectStatus(node: LabNode, code: number, firstLine: RegExp): Promise<void> {
  const shown = await node.run("status");
  const [first = ""] = shown.stdout.split("\n");
  assert.match(first, firstLine);
  assert.equal(shown.code, code, shown.stdout);
  const npd = await node.run("status", "--npd");
  assert.equal(npd.code, code, npd.stdout);
  assert.ok(Buffer.byteLength(npd.stdout) <= 81, npd.stdout);
  assert.ok(first.startsWith(npd.stdout.replace(/(\.\.\.)?\n$/, "")), npd.stdout);
}

/** The agent has a second to tell `explain` of it, in which a busy machine may not let it. */
async function expectLastPull(node: LabNode, image: string, expected: RegExp): Promise<void> {
  for (let left = 5; ; left--) {
    const { stdout } = await node.run("explain", image);
    const [line] = /^last pull .*$/m.exec(stdout) ?? [];
    if (line === undefined && left > 0) continue;
    assert.match(line ?? stdout, expected);
    return;
  }
}

/** Asks `/livez` and `/readyz` until it is ended: each answer that was ever given, once. */
function watchStanding(agent: LabAgent) {
  const answers = new Set<string>();
  let rounds = 0;
  let isOver = false;
  const run = async (): Promise<void> => {
    for (; !isOver; rounds++) {
      for (const path of ["/livez", "/readyz"]) answers.add(`${path} ${(await get(agent, path)).status}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const running = run();
  running.catch(() => undefined);
  return {
    async end() {
      isOver = true;
      await running;
      return { rounds, answers: [...answers].sort() };
    },
  };
}
