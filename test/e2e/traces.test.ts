import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { after, before } from "node:test";
import { forEachGeneration, type Generation, startContainerd } from "../support/containerd.ts";
import { defaultConfig } from "../support/containerd-config.ts";
import { labSkipReason } from "../support/lab-parts.ts";
import { pushImage } from "../support/push-image.ts";
import { type LabRegistry, startRegistry } from "../support/registry.ts";
import { startUpstreamTrap, type UpstreamTrap } from "../support/upstream-trap.ts";
import { type LabNode, prepareNode } from "./support/lab-node.ts";
import type { CommandEnd } from "./support/mirrorlet.ts";
import { type SharedDaemons, shareDaemons } from "./support/shared-daemons.ts";
import { native } from "./support/site.ts";
import { listenForSpans, type SpanListener } from "./support/span-listener.ts";

let mirror: LabRegistry;
let trap: UpstreamTrap;
let daemons: SharedDaemons;
let spans: SpanListener;

before(async () => {
  if (labSkipReason() !== undefined) return;
  trap = await startUpstreamTrap();
  mirror = await startRegistry();
  await pushImage(mirror, "team/app", "1.0");
  daemons = shareDaemons({ upstreamTrap: trap });
  spans = await listenForSpans();
});

after(async () => {
  await daemons?.stop();
  await mirror?.stop();
  await trap?.stop();
  await spans?.close();
});

/** Debian builds 1.6 without an exporter, and its spans would not tell of pulls. */
const canTrace = (generation: Generation): boolean => generation !== "1.6";

forEachGeneration(
  "a fresh node: one restart for config_path and traces, spans of a pull arrive, and all of it goes again",
  async (generation) => {
    const daemon = await daemons.get(generation);
    const plain = withoutConfigPath(defaultConfig(generation, daemon));
    const node = await prepareNode(daemon, { containerdConfig: plain, tracesPort: spans.port });
    const file = await node.put("wish.yaml", wish());

    const planned = JSON.parse((await node.run("plan", "--json", file)).stdout);
    const kinds = planned.steps.map(({ kind }: { kind: string }) => kind);
    const traced = canTrace(generation) ? ["switch-traces"] : [];
    assert.deepEqual(kinds, ["create-directories", "edit-config", ...traced, "restart-containerd"]);
    assert.equal(existsSync(daemon.environmentFile), false, "nothing is touched");

    const report = reportOf(await node.run("apply", "--json", file));
    assert.equal(report.restarts.length, 1);
    assert.equal(report.tracing.state, canTrace(generation) ? "on" : "unavailable", report.tracing.message);
    assert.equal(existsSync(daemon.environmentFile), canTrace(generation));
    const pid = await daemon.pid();
    await pullOnce(node);
    if (canTrace(generation)) await spans.untilSeen("team/app");

    assert.deepEqual(reportOf(await node.run("apply", "--json", file)).done, []);
    assert.equal(await daemon.pid(), pid, "no second restart");

    const restored = await node.run("restore");
    assert.equal(restored.code, 0, restored.stderr);
    assert.equal(existsSync(daemon.environmentFile), false);
    assert.equal(await readFile(daemon.configPath, "utf8"), plain);
    assert.notEqual(await daemon.pid(), pid);
    assert.equal(await namesReceiver(await daemon.pid()), false);
  },
);

forEachGeneration(
  "a node that is configured already: exactly one restart, on and off",
  async (generation) => {
    const daemon = await daemons.get(generation);
    const node = await prepareNode(daemon, { tracesPort: spans.port });
    const file = await node.put("wish.yaml", wish());
    const pid = await daemon.pid();
    const on = reportOf(await node.run("apply", "--json", file));
    assert.deepEqual(on.restarts, canTrace(generation) ? [{ reason: "traces", outcome: "ok" }] : []);
    assert.equal((await daemon.pid()) !== pid, canTrace(generation));
    assert.equal(await namesReceiver(await daemon.pid()), canTrace(generation));
    if (!canTrace(generation)) return;
    await pullOnce(node);

    const switchOff = () => node.run("apply", "--json", "--set", "evidence.traces=false", file);
    const waiting = reportOf(await switchOff());
    assert.equal(waiting.tracing.state, "pending", "the budget leaves no second restart within a minute");
    await forgetRestarts(node);
    const gone = reportOf(await switchOff());
    assert.deepEqual(gone.restarts, [{ reason: "traces", outcome: "ok" }]);
    assert.equal(gone.tracing.state, "off");
    assert.equal(existsSync(daemon.environmentFile), false);
    assert.equal(await namesReceiver(await daemon.pid()), false);
    await pullOnce(node);
  },
);

forEachGeneration(
  "an exporter that is configured already is left alone and told",
  async (generation, context) => {
    if (!canTrace(generation)) return context.skip("this build has no exporter");
    const daemon = await startContainerd({
      generation,
      upstreamTrap: trap,
      environment: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${spans.port}` },
    });
    context.after(() => daemon.stop());
    const node = await prepareNode(daemon, { tracesPort: 9478 });
    const pid = await daemon.pid();
    const report = reportOf(await node.run("apply", "--json", await node.put("wish.yaml", wish())));
    assert.equal(report.tracing.state, "unavailable");
    assert.deepEqual(
      report.issues.map(({ code }) => code),
      ["containerd-traces-exporter"],
    );
    assert.equal(await daemon.pid(), pid, "no restart");
    assert.equal(existsSync(daemon.environmentFile), false);
    await pullOnce(node);
  },
);

forEachGeneration(
  "a running agent puts its file right without a restart, and a restart by others finds it",
  async (generation, context) => {
    if (!canTrace(generation)) return context.skip("this build has no exporter");
    const daemon = await daemons.get(generation);
    const closed = await listenForSpans();
    await closed.close();
    const node = await prepareNode(daemon, { tracesPort: closed.port });
    const agent = await node.startAgent();
    context.after(() => agent.stop());
    await agent.apply(wish());
    const text = await readFile(daemon.environmentFile, "utf8");
    const pid = await daemon.pid();
    await writeFile(daemon.environmentFile, text.replaceAll("OTEL", "LETO"));
    await agent.until("the file is put right", async () => {
      return (await readFile(daemon.environmentFile, "utf8")) === text;
    });
    assert.equal(await daemon.pid(), pid);
    await daemon.restart();
    assert.equal(await namesReceiver(await daemon.pid()), true);
    const restarts = 'mirrorlet_containerd_restarts_total{reason="traces",outcome="ok"}';
    assert.equal(await agent.metric(restarts), 1);
    await pullOnce(node);
  },
);

interface Report {
  readonly restarts: readonly { readonly reason: string; readonly outcome: string }[];
  readonly done: readonly string[];
  readonly issues: readonly { readonly code: string }[];
  readonly tracing: { readonly state: string; readonly message: string };
}

function reportOf({ code, stdout, stderr }: CommandEnd): Report {
  assert.equal(code, 0, `${stdout}${stderr}`);
  return JSON.parse(stdout) as Report;
}

function wish(): string {
  return native([{ endpoint: mirror.url, hosts: ["gcr.io"] }], { upstream: { "gcr.io": "never" } });
}

async function pullOnce({ daemon }: LabNode): Promise<void> {
  const pull = await daemon.pull("gcr.io/team/app:1.0");
  assert.ok(pull.ok, JSON.stringify(pull));
  await daemon.removeImage("gcr.io/team/app:1.0");
}

/** Whether a process was started with a receiver of traces in its environment. */
async function namesReceiver(pid: number): Promise<boolean> {
  return (await readFile(`/proc/${pid}/environ`, "utf8")).includes("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=");
}

/** Without its record the agent knows of no restart, nor that the file is its own but by the first line. */
async function forgetRestarts(node: LabNode): Promise<void> {
  await rm(node.stateDir, { recursive: true });
}

function withoutConfigPath(config: string): string {
  return config.replace(/^\[[^\n]*\.registry\]\n.*config_path.*\n/m, "");
}
