import assert from "node:assert/strict";
import { after, before, type TestContext } from "node:test";
import { codeClassOf } from "../../../src/core/evidence/registry-request.ts";
import { forEachGeneration, type Generation, startContainerd } from "../../support/containerd.ts";
import { findFreePort } from "../../support/free-port.ts";
import { labSkipReason } from "../../support/lab-parts.ts";
import { isFullSweep } from "../../support/sweep.ts";
import type { LabAgent } from "../support/lab-agent.ts";
import { prepareNode } from "../support/lab-node.ts";
import { type FatedPull, type FateSite, refusingHost, startFateSite } from "../support/pull-fates.ts";
import { native } from "../support/site.ts";

/** Of 28 pulls each. */
const ROUNDS = isFullSweep ? 8 : 2;
const TAG = "1.0";
const CLOSED = ["never.example", "witness.example"];

let site: FateSite;

before(async () => {
  if (labSkipReason() === undefined) site = await startFateSite();
});

after(() => site?.stop());

/** With traces where this containerd has spans for requests; the witness and containerd's events tell elsewhere. */
const tracesPortOf = async (generation: Generation): Promise<number> =>
  generation === "2.1" ? findFreePort() : 0;

forEachGeneration("counters are what the access logs say", async (generation, context) => {
  const daemon = await startContainerd({ generation, ...site.upstream.daemonOptions });
  context.after(() => daemon.stop());
  const tracesPort = await tracesPortOf(generation);
  const node = await prepareNode(daemon, { tracesPort, settings: { "log.level": '"debug"' } });
  const agent = await node.startAgent();
  context.after(() => agent.stop());
  await agent.apply(desiredState());
  site.clearAccessLog();
  const pulled: FatedPull[] = [];
  for (let round = 0; round < ROUNDS; round++)
    pulled.push(...(await site.pullAll(daemon, `${generation}-${round}`)));
  for (const { fate, ok, reference } of pulled) assert.equal(ok, fate.path !== "failed", reference);
  assert.ok(pulled.length > 25 * ROUNDS);

  // Without spans nobody tells of registries without a mirror; nor, without a journal, of pulls that fail, save for
  // the witness where it is the last.
  const isSeen = ({ fate, ok }: FatedPull) =>
    ok ? labelOf(fate.namespace) !== "other" : CLOSED.includes(fate.namespace);
  const told = tracesPort > 0 ? pulled : pulled.filter(isSeen);
  await untilTold(agent, told.length);
  const samples = await readSamples(agent);
  assert.deepEqual(pathsIn(samples), pathsOf(told));
  assert.deepEqual(fallbacksIn(samples), fallbacksOf(site.accessLog()));
  if (tracesPort > 0) assertHitsNameTraces(agent);
  if (tracesPort > 0) assert.deepEqual(requestsIn(samples), requestsOf(site.accessLog()));
  report(context, generation, pulled, samples);
});

function desiredState(): string {
  const entries = site.watched.flatMap(({ namespace, mirrors }) =>
    mirrors.map((endpoint) => ({ endpoint, hosts: [namespace] })),
  );
  return native(entries, { upstream: Object.fromEntries(CLOSED.map((name) => [name, "never"])) });
}

/** That is how the witness knows whose a request is, whatever else is pulled at the time. */
function assertHitsNameTraces(agent: LabAgent): void {
  const hits = agent.log().match(/^.*no mirror has served this.*$/gm) ?? [];
  assert.ok(hits.length > 0);
  for (const line of hits) assert.match(line, /"traceId":"[0-9a-f]{32}"/);
}

async function untilTold(agent: LabAgent, count: number): Promise<void> {
  let seen = 0;
  await agent
    .until(`${count} pulls are told`, async () => {
      seen = sum(pathsIn(await readSamples(agent)));
      return seen >= count;
    })
    .catch(() => undefined);
  assert.equal(seen, count, JSON.stringify(pathsIn(await readSamples(agent))));
}

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

async function readSamples(agent: LabAgent): Promise<readonly Sample[]> {
  const response = await fetch(`http://${agent.address}/metrics`, { headers: { connection: "close" } });
  return (await response.text()).split("\n").flatMap((line) => {
    const [, name = "", labels = "", value = ""] = /^mirrorlet_(\w+)\{(.*)\} (\S+)$/.exec(line) ?? [];
    if (name === "" || Number(value) === 0) return [];
    const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = "", text = ""]) => [key, text]);
    return [{ name, labels: Object.fromEntries(pairs), value: Number(value) }];
  });
}

type Counts = Readonly<Record<string, number>>;

function countBy(keys: readonly string[]): Counts {
  const counts: Record<string, number> = {};
  for (const key of [...keys].sort()) counts[key] = (counts[key] ?? 0) + 1;
  return counts;
}

function sumBy(samples: readonly Sample[], name: string, key: (labels: Sample["labels"]) => string): Counts {
  const keys = samples
    .filter((sample) => sample.name === name)
    .flatMap(({ labels, value }) => Array.from({ length: value }, () => key(labels)));
  return countBy(keys);
}

function sum(counts: Counts): number {
  return Object.values(counts).reduce((total, each) => total + each, 0);
}

/** Registries without a mirror have no label of their own. */
function labelOf(namespace: string): string {
  return site.watched.some((each) => each.namespace === namespace) ? namespace : "other";
}

function pathsOf(pulled: readonly FatedPull[]): Counts {
  return countBy(pulled.map(({ fate }) => `${labelOf(fate.namespace)} ${fate.path}`));
}

function pathsIn(samples: readonly Sample[]): Counts {
  return sumBy(samples, "pulls_total", ({ registry, path }) => `${registry} ${path}`);
}

interface Access {
  readonly host: string;
  readonly method: string;
  readonly object: string;
  readonly status: number;
}

function parseAccess(line: string): Access {
  const [host = "", method = "", object = "", status = ""] = line.split(" ");
  return { host, method, object, status: Number(status) };
}

/**
 * What no mirror served. It went to the upstream, however often that had to be asked; where that is closed, to the
 * witness alone, which leaves the mirror's own word for it.
 */
function fallbacksOf(log: readonly string[]): Counts {
  const beyond = log
    .map(parseAccess)
    .filter(
      ({ host, object }) => object !== "token" && site.watched.some(({ namespace }) => namespace === host),
    )
    // Whoever is asked for credentials asks again.
    .filter(({ status }) => status !== 401);
  const isTag = ({ object }: Access) => object === `manifest/${TAG}`;
  // Go repeats a request on a connection that turns out to be dead, which the server may have seen.
  const objects = new Map(
    beyond.filter((each) => !isTag(each)).map(({ host, object, method }) => [`${method} ${object}`, host]),
  );
  const asked = [...objects.values(), ...beyond.filter(isTag).map(({ host }) => host)];
  return countBy([...asked, ...closedMisses()]);
}

/** Every closed registry that misses an image has its tag asked for, and nothing more. */
function closedMisses(): readonly string[] {
  return Array.from({ length: ROUNDS }, () => CLOSED).flat();
}

function fallbacksIn(samples: readonly Sample[]): Counts {
  return sumBy(samples, "pull_fallbacks_total", ({ registry }) => registry ?? "");
}

function requestsOf(log: readonly string[]): Counts {
  const refused = log
    .filter((line) => line.startsWith("refused.example "))
    .map((line) => line.replace(/^\S+/, refusingHost).replace(/\d+$/, "0"));
  const known = new Set([
    ...site.watched.flatMap(({ namespace, mirrors }) => [
      namespace,
      ...mirrors.map((url) => new URL(url).host),
    ]),
  ]);
  return countBy(
    [...log, ...refused].map(parseAccess).map(({ host, object, status }) => {
      const kind = object.split("/")[0] ?? "";
      return `${known.has(host) ? host : "other"} ${kind} ${codeClassOf(status === 0 ? undefined : status)}`;
    }),
  );
}

function requestsIn(samples: readonly Sample[]): Counts {
  return sumBy(
    samples,
    "pull_requests_total",
    ({ host, kind, code_class }) => `${host} ${kind} ${code_class}`,
  );
}

function report(
  context: TestContext,
  generation: Generation,
  pulled: readonly FatedPull[],
  samples: readonly Sample[],
): void {
  const paths = sumBy(samples, "pulls_total", ({ path }) => path ?? "");
  context.diagnostic(
    `containerd ${generation}: ${pulled.length} pulls; told ${JSON.stringify(paths)}; ` +
      `${sum(fallbacksIn(samples))} fallbacks; ${sum(requestsIn(samples))} requests`,
  );
}
