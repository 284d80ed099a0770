import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { parse } from "yaml";
import { dashboardQueries, expandVariables } from "../monitoring/dashboard-queries.ts";
import { monitoring, readDashboard, readRules } from "../monitoring/monitoring-files.ts";
import { startContainerd } from "../support/containerd.ts";
import { labSkipReason, partSkipReason } from "../support/lab-parts.ts";
import { type LabPrometheus, startPrometheus } from "../support/prometheus.ts";
import { startScriptedRegistry } from "../support/scripted-registry.ts";
import type { LabAgent } from "./support/lab-agent.ts";
import { prepareNode } from "./support/lab-node.ts";
import { native } from "./support/site.ts";

interface Target {
  readonly health: string;
  readonly lastError: string;
  readonly labels: Readonly<Record<string, string>>;
}

interface RuleState {
  readonly name: string;
  readonly health: string;
  readonly lastError?: string;
}

interface AlertState {
  readonly labels: Readonly<Record<string, string>>;
}

/** The example of the documentation, with the address of a real agent and intervals for the impatient. */
async function siteConfig(agent: LabAgent): Promise<string> {
  const config = parse(await readFile(join(monitoring, "prometheus/prometheus.yaml"), "utf8"));
  config.global = { scrape_interval: "1s", evaluation_interval: "1s" };
  config.rule_files = config.rule_files.map((name: string) => join(monitoring, "prometheus", name));
  config.scrape_configs[0].static_configs[0].targets = [agent.address];
  return JSON.stringify(config);
}

async function startNode(context: TestContext): Promise<LabAgent> {
  const mirror = await startScriptedRegistry();
  context.after(() => mirror.stop());
  const daemon = await startContainerd({ generation: "2.1" });
  context.after(() => daemon.stop());
  const node = await prepareNode(daemon);
  const agent = await node.startAgent();
  context.after(() => agent.stop());
  const entries = [{ endpoint: mirror.url, hosts: ["gcr.io", "*"] }];
  await agent.apply(native(entries, { generation: 7, upstream: { "gcr.io": "never" } }));
  return agent;
}

async function activeAlerts(prometheus: LabPrometheus): Promise<readonly string[]> {
  const { alerts } = await prometheus.api<{ alerts: AlertState[] }>("alerts");
  return alerts.map(({ labels }) => labels["alertname"] ?? "").sort();
}

async function ruleStates(prometheus: LabPrometheus): Promise<readonly RuleState[]> {
  const { groups } = await prometheus.api<{ groups: { rules: RuleState[] }[] }>("rules");
  return groups.flatMap(({ rules }) => rules);
}

test("a real Prometheus scrapes the agent, and rules and dashboard work on what it gets", {
  skip: labSkipReason() ?? partSkipReason("prometheus") ?? false,
}, async (context) => {
  const agent = await startNode(context);
  const prometheus = await startPrometheus(await siteConfig(agent));
  context.after(() => prometheus.stop());

  const targets = async () => (await prometheus.api<{ activeTargets: Target[] }>("targets")).activeTargets;
  await agent.until("the target is up", async () => (await targets())[0]?.health === "up");
  const [target] = await targets();
  assert.deepEqual(
    [target?.lastError, target?.labels],
    ["", { cluster: "example", instance: agent.address, job: "mirrorlet" }],
  );

  const value = async (expression: string): Promise<unknown> =>
    (await prometheus.query(expression))[0]?.value;
  assert.equal(await value("mirrorlet_config_in_sync"), 1);
  assert.equal(await value("mirrorlet_config_observed_generation"), 7);
  assert.equal(await value('mirrorlet_registry_info{registry="gcr.io", upstream="never"}'), 1);
  assert.equal(await value('mirrorlet_registry_info{registry="*", upstream="allow"}'), 1);
  const page = await (
    await fetch(`http://${agent.address}/metrics`, { headers: { connection: "close" } })
  ).text();
  const names = new Set([...page.matchAll(/^(mirrorlet_\w+)[{ ]/gm)].map(([, name]) => name));
  assert.ok(names.size > 10);
  for (const name of names) assert.notEqual((await prometheus.query(`${name}`)).length, 0, name);

  const rules = readRules();
  await agent.until("every rule was looked at", async () =>
    (await ruleStates(prometheus)).every(({ health }) => health !== "unknown"),
  );
  const states = await ruleStates(prometheus);
  assert.deepEqual(
    states.filter(({ health }) => health !== "ok"),
    [],
  );
  assert.deepEqual(
    states.map(({ name }) => name).sort(),
    rules.map(({ alert, record }) => alert ?? record).sort(),
  );
  const queries = dashboardQueries(readDashboard());
  assert.ok(queries.length > 20);
  for (const query of queries) await prometheus.query(expandVariables(query));
  await agent.until("no alert about the agent is on", async () =>
    (await activeAlerts(prometheus)).every((name) => !name.startsWith("Mirrorlet")),
  );

  assert.equal(await agent.stop(), 0);
  await agent.until("alerts notice that the agent is gone", async () => {
    const alerts = await activeAlerts(prometheus);
    return alerts.includes("MirrorletDown") && alerts.includes("MirrorletAbsent");
  });
});
