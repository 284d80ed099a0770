import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promtoolSkip, runPromtool } from "../support/promtool.ts";
import { monitoring, readAlerts, readScenarios, ruleTestFiles } from "./monitoring-files.ts";

const prometheus = (name: string): string => join(monitoring, "prometheus", name);

test("promtool takes the rules and the example that loads them", { skip: promtoolSkip }, async () => {
  const rules = await runPromtool(["check", "rules", "--lint=all", "--lint-fatal", prometheus("rules.yaml")]);
  assert.equal(rules.code, 0, rules.output);
  const example = await runPromtool(["check", "config", "--lint=all", prometheus("prometheus.yaml")]);
  assert.equal(example.code, 0, example.output);
});

for (const name of ruleTestFiles) {
  test(`the scenarios of ${name} end as they should`, { skip: promtoolSkip }, async () => {
    const { code, output } = await runPromtool(["test", "rules", prometheus(name)]);
    assert.equal(code, 0, output);
  });
}

test("each alert, in each severity, has a scenario that fires it and a near miss", () => {
  const looks = readScenarios().flatMap((scenario) => scenario.alert_rule_test ?? []);
  const fired = new Set<string>();
  const quiet = new Set<string>();
  for (const { alertname, exp_alerts: expected = [] } of looks) {
    if (expected.length === 0) quiet.add(alertname);
    for (const { exp_labels } of expected) fired.add(`${alertname} ${exp_labels["severity"]}`);
  }
  const alerts = readAlerts();
  assert.deepEqual(
    [...fired].sort(),
    [...new Set(alerts.map(({ alert, labels }) => `${alert} ${labels?.["severity"]}`))].sort(),
  );
  assert.deepEqual([...quiet].sort(), [...new Set(alerts.map(({ alert }) => alert))].sort());
});

test("an alert says what it means and what to do next, in the same way everywhere", () => {
  const alerts = readAlerts();
  assert.ok(alerts.length > 15);
  for (const { alert, labels = {}, annotations = {}, expr } of alerts) {
    assert.match(alert, /^Mirror[A-Za-z]+$/);
    assert.ok(["warning", "critical"].includes(labels["severity"] ?? ""), alert);
    assert.deepEqual(Object.keys(annotations), ["summary", "description", "runbook_url"], alert);
    assert.equal(annotations["runbook_url"], `docs/alerts.md#${alert.toLowerCase()}`);
    assert.match(annotations["description"] ?? "", /pull|Pull/, alert);
    assert.doesNotMatch(annotations["summary"] ?? "", /\.$/, alert);
    // The one thing every site has to look at; nowhere else may a job be named.
    assert.equal(/job="/.test(expr), ["MirrorletDown", "MirrorletAbsent"].includes(alert), alert);
  }
});

test("docs/alerts.md has a section for each alert, and none for others", async () => {
  const text = await readFile(join(monitoring, "../docs/alerts.md"), "utf8");
  const [, ...sections] = text.split(/^## /m);
  const about = new Map(sections.map((section) => [section.slice(0, section.indexOf("\n")), section]));
  for (const general of ["Set up", "Without Prometheus"]) about.delete(general);
  assert.deepEqual([...about.keys()].sort(), [...new Set(readAlerts().map(({ alert }) => alert))].sort());
  for (const [alert, section] of about) {
    for (const part of ["**For pulls.**", "**Look.**", "**Mend.**"])
      assert.ok(section.includes(part), `${alert}: ${part}`);
  }
});
