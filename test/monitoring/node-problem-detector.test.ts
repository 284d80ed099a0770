import assert from "node:assert/strict";
import { test } from "node:test";
import { read } from "./monitoring-files.ts";

/** https://github.com/kubernetes/node-problem-detector/blob/master/docs/custom_plugin_monitor.md */
interface Monitor {
  readonly plugin: string;
  readonly pluginConfig: Readonly<Record<string, string | number | boolean>>;
  readonly source: string;
  readonly metricsReporting: boolean;
  readonly conditions: readonly {
    readonly type: string;
    readonly reason: string;
    readonly message: string;
  }[];
  readonly rules: readonly {
    readonly type: "permanent" | "temporary";
    readonly condition?: string;
    readonly reason: string;
    readonly path: string;
    readonly args: readonly string[];
    readonly timeout: string;
    readonly invoke_interval?: string;
  }[];
}

const monitor = JSON.parse(read("node-problem-detector/registry-mirror-monitor.json")) as Monitor;

/** As far as this file needs Go's durations. */
function seconds(duration: unknown): number {
  const [, count, unit] = /^(\d+)([sm])$/.exec(String(duration)) ?? [];
  assert.ok(count, `not a duration: ${duration}`);
  return Number(count) * (unit === "m" ? 60 : 1);
}

test("the monitor has the keys that node-problem-detector reads, and no others", () => {
  const keys = (value: object): readonly string[] => Object.keys(value).sort();
  assert.deepEqual(keys(monitor), [
    "conditions",
    "metricsReporting",
    "plugin",
    "pluginConfig",
    "rules",
    "source",
  ]);
  assert.deepEqual(keys(monitor.pluginConfig), [
    "concurrency",
    "enable_message_change_based_condition_update",
    "invoke_interval",
    "max_output_length",
    "timeout",
  ]);
  const ruleKeys = ["args", "condition", "invoke_interval", "path", "reason", "timeout", "type"];
  for (const rule of monitor.rules)
    assert.deepEqual(
      keys({ ...rule }).filter((key) => !ruleKeys.includes(key)),
      [],
    );
});

test("what node-problem-detector refuses at its start is not there", () => {
  assert.equal(monitor.plugin, "custom");
  const types = monitor.conditions.map(({ type }) => type);
  for (const rule of monitor.rules) {
    assert.ok(
      seconds(rule.timeout) <= seconds(monitor.pluginConfig["timeout"]),
      "a rule waits longer than all may",
    );
    assert.ok(rule.path.startsWith("/"));
    if (rule.type === "permanent")
      assert.ok(types.includes(rule.condition ?? ""), "a condition without default");
    else assert.equal(rule.condition, undefined, "only a permanent rule has a condition");
  }
});

test("one command sets the condition and makes the event, within what the detector shows of it", () => {
  assert.deepEqual(
    monitor.conditions.map(({ type }) => type),
    ["RegistryMirrorProblem"],
  );
  assert.deepEqual(monitor.rules.map(({ type }) => type).sort(), ["permanent", "temporary"]);
  for (const { args } of monitor.rules) assert.deepEqual(args, ["status", "--npd"]);
  const { max_output_length: length, invoke_interval: interval } = monitor.pluginConfig;
  assert.equal(length, 80);
  for (const { message, reason } of monitor.conditions) {
    assert.ok(Buffer.byteLength(message) <= 80, message);
    assert.match(reason, /^[A-Z][A-Za-z]+$/);
  }
  assert.ok(seconds(interval) > seconds(monitor.pluginConfig["timeout"]), "runs would pile up");
});
