import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { leaseDirectory } from "../support/leased-directory.ts";
import { promtoolSkip, runPromtool } from "../support/promtool.ts";
import { dashboardQueries, expandVariables } from "./dashboard-queries.ts";
import { type Panel, readDashboard } from "./monitoring-files.ts";

const dashboard = readDashboard();
const GRID_COLUMNS = 24;

test("the variables: data source, cluster, job, node and registry", () => {
  const { list } = dashboard.templating;
  assert.deepEqual(
    list.map(({ name, type }) => `${name} ${type}`),
    ["datasource datasource", "cluster query", "job query", "instance query", "registry query"],
  );
  assert.equal(list[0]?.query, "prometheus");
});

test("no data source is fixed: each panel, query and variable asks the one that was chosen", () => {
  const found: unknown[] = [];
  JSON.parse(JSON.stringify(dashboard), (key, value) => (key === "datasource" ? found.push(value) : value));
  assert.ok(found.length > 40);
  for (const value of found)
    assert.match(JSON.stringify(value), /^\{"type":"prometheus","uid":"\$\{datasource\}"\}$/);
  for (const { type, title, datasource, targets = [] } of dashboard.panels) {
    if (type === "row") continue;
    assert.ok(datasource !== undefined && targets.length > 0, title);
    for (const target of targets) assert.ok(target.datasource !== undefined, title);
  }
});

test("rows come in the order of questions: now, over time, by node", () => {
  const rows = dashboard.panels.filter(({ type }) => type === "row").map(({ title }) => title);
  assert.deepEqual(rows.slice(0, 3), ["Now", "Pulls by registry", "Nodes"]);
  const typesBelow = (row: string): readonly string[] => {
    const from = dashboard.panels.findIndex(({ title, type }) => type === "row" && title === row) + 1;
    const to = dashboard.panels.findIndex(({ type }, index) => type === "row" && index >= from);
    return [...new Set(dashboard.panels.slice(from, to).map(({ type }) => type))];
  };
  assert.deepEqual(rows.slice(0, 3).map(typesBelow), [["stat"], ["timeseries"], ["table"]]);
});

test("panels are told apart, lie inside the grid and do not overlap", () => {
  const { panels } = dashboard;
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  for (const [index, panel] of panels.entries()) {
    const { x, y, w, h } = panel.gridPos;
    assert.ok(x >= 0 && y >= 0 && w > 0 && h > 0 && x + w <= GRID_COLUMNS, panel.title);
    for (const other of panels.slice(index + 1))
      assert.ok(!overlap(panel, other), `${panel.title} and ${other.title}`);
    if (panel.type !== "row") assert.match(panel.description ?? "", /\.$/, `${panel.title} is not explained`);
    const refIds = (panel.targets ?? []).map(({ refId }) => refId);
    assert.equal(new Set(refIds).size, refIds.length, panel.title);
  }
});

test("the schema is one that current Grafana reads as it is", () => {
  assert.equal(dashboard.schemaVersion, 41);
  assert.deepEqual([dashboard.uid, dashboard.title], ["mirrorlet", "mirrorlet"]);
  assert.ok(!("id" in dashboard), "an id belongs to one Grafana");
});

test("every query is PromQL, and keeps to the chosen nodes", { skip: promtoolSkip }, async (t) => {
  const queries = dashboardQueries(dashboard);
  for (const query of queries)
    for (const variable of ["$cluster", "$job", "$instance"])
      assert.ok(query.includes(`=~"${variable}"`), `${query} does not heed ${variable}`);
  const rules = queries.map((query, index) => ({ record: `query:${index}`, expr: expandVariables(query) }));
  const lease = await leaseDirectory("dashboard");
  t.after(() => lease.release());
  const file = join(lease.path, "queries.json"); // JSON is YAML too
  await writeFile(file, JSON.stringify({ groups: [{ name: "dashboard", rules }] }));
  const { code, output } = await runPromtool(["check", "rules", file]);
  assert.equal(code, 0, output);
  assert.match(output, new RegExp(`${rules.length} rules found`));
});

function overlap({ gridPos: a }: Panel, { gridPos: b }: Panel): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}
