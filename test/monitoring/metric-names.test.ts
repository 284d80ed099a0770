import assert from "node:assert/strict";
import { test } from "node:test";
import { exportedMetrics, fleetMetrics, labelValues, namesOnPage } from "./exported-metrics.ts";
import { readDashboard, readRules } from "./monitoring-files.ts";

const dashboard = JSON.stringify(readDashboard()).replaceAll('\\"', '"');
const rules = readRules().map(({ expr }) => expr);
const expressions = [...rules, dashboard];
const targetLabels = ["cluster", "job", "instance"];

/** Not those inside the name of a recording rule. */
function metricsIn(text: string): readonly string[] {
  return [...text.matchAll(/(?<![:\w])(?:mirrorlet|process|nodejs)_[a-z0-9_]+(?![:\w])/g)].map(([name]) =>
    name.replace(/_(bucket|sum|count)$/, ""),
  );
}

test("the table of metrics is what the page has", async () => {
  const own = namesOnPage().filter((name) => name.startsWith("mirrorlet_"));
  assert.deepEqual([...own].sort(), Object.keys(exportedMetrics).sort());
});

test("rules and dashboard use metrics that exist, and every one of ours is used", async () => {
  const used = new Set(expressions.flatMap(metricsIn));
  const own = Object.keys(exportedMetrics);
  const known = new Set([...own, ...namesOnPage(), ...Object.keys(fleetMetrics)]);
  assert.deepEqual(
    [...used].filter((name) => !known.has(name)),
    [],
  );
  assert.deepEqual(
    own.filter((name) => !used.has(name)),
    [],
  );
});

test("labels and their values exist", () => {
  const selectors = expressions.flatMap((text) => [...text.matchAll(/\b(mirrorlet_[a-z_]+)\{([^}]*)\}/g)]);
  assert.ok(selectors.length > 40);
  for (const [selector, name = "", matchers = ""] of selectors) {
    const labels = { ...exportedMetrics, ...fleetMetrics }[name.replace(/_(bucket|sum|count)$/, "")] ?? [];
    for (const [, label = "", values = ""] of matchers.matchAll(/(\w+)(?:=~|!=|!~|=)"([^"]*)"/g)) {
      assert.ok([...labels, ...targetLabels].includes(label), `${selector} has no label ${label}`);
      const known = labelValues[label];
      if (known === undefined) continue;
      for (const value of values.split("|")) assert.ok(known.includes(value), `${selector}: ${value}`);
    }
  }
});

test("counters are read by what they gained, gauges as they are", () => {
  for (const text of expressions) {
    for (const [, fn = "", name = ""] of text.matchAll(/\b(\w+)\(((?:mirrorlet|process)_\w+)[^()]*\[/g)) {
      const isCounter = /_(total|bucket|sum|count)$/.test(name);
      assert.equal(["rate", "increase"].includes(fn), isCounter, `${fn}(${name})`);
    }
  }
});

test("recording rules that are used are there", () => {
  const recorded = new Set(readRules().flatMap(({ record }) => record ?? []));
  const used = expressions.flatMap((text) => text.match(/\b\w+:mirrorlet_\w+:\w+/g) ?? []);
  assert.ok(used.length > 10);
  assert.deepEqual(
    used.filter((name) => !recorded.has(name)),
    [],
  );
});
