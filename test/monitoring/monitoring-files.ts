import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

export interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Alert extends Rule {
  readonly alert: string;
}

interface Scenario {
  readonly name: string;
  readonly alert_rule_test?: readonly {
    readonly alertname: string;
    readonly exp_alerts?: readonly { readonly exp_labels: Readonly<Record<string, string>> }[];
  }[];
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly Target[];
}

interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly datasource: { readonly type: string; readonly uid: string };
}

interface Variable {
  readonly name: string;
  readonly type: string;
  readonly query: string | { readonly query: string };
  readonly datasource?: { readonly type: string; readonly uid: string };
}

export interface Dashboard {
  readonly title: string;
  readonly uid: string;
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Variable[] };
}

export const monitoring = join(import.meta.dirname, "../../monitoring");
export const ruleTestFiles = readdirSync(join(monitoring, "prometheus")).filter((name) =>
  name.endsWith(".test.yaml"),
);

export function readRules(): readonly Rule[] {
  const file = parse(read("prometheus/rules.yaml")) as { groups: { rules: Rule[] }[] };
  return file.groups.flatMap(({ rules }) => rules);
}

export function readAlerts(): readonly Alert[] {
  return readRules().filter((rule): rule is Alert => rule.alert !== undefined);
}

export function readScenarios(): readonly Scenario[] {
  return ruleTestFiles.flatMap((name) => (parse(read(`prometheus/${name}`)) as { tests: Scenario[] }).tests);
}

export function readDashboard(): Dashboard {
  return JSON.parse(read("grafana/mirrorlet.json")) as Dashboard;
}

export function read(name: string): string {
  return readFileSync(join(monitoring, name), "utf8");
}
