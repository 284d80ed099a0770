import assert from "node:assert/strict";
import { open } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { type RunningLogSource, startLogSource } from "../../src/agent/evidence/start-log-source.ts";
import { shortObject } from "../../src/core/evidence/clean-text.ts";
import { createUnitJournal } from "../../src/host/follow-journal.ts";
import { type Generation, generations, type LabContainerd, startContainerd } from "../support/containerd.ts";
import { defaultConfig } from "../support/containerd-config.ts";
import { buildImage } from "../support/image.ts";
import { journalSkipReason, type LabJournal, startJournal } from "../support/journal.ts";
import { labSkipReason } from "../support/lab-parts.ts";
import {
  type Behaviour,
  type ScriptedRegistry,
  startScriptedRegistry,
} from "../support/scripted-registry.ts";
import { createEvidenceNode, type EvidenceNode, until } from "./support/evidence-node.ts";

const UNIT = "containerd.service";

interface Site {
  readonly daemon: LabContainerd;
  readonly node: EvidenceNode;
  readonly source: RunningLogSource;
  readonly mirror: ScriptedRegistry;
  readonly upstream: ScriptedRegistry;
  /** Pulls an image that both registries have, where the mirror does something else, until the log's end is read. */
  pull(name: string, does?: Behaviour, path?: RegExp): Promise<boolean>;
}

const skip = { skip: labSkipReason() ?? journalSkipReason() ?? false };

for (const generation of generations)
  for (const level of ["info", "debug"] as const)
    test(
      `what containerd's log tells, at level ${level} (containerd ${generation})`,
      skip,
      async (context) => {
        const site = await openSite(context, generation, level);
        await (level === "info" ? tellAtInfo(site, generation) : tellAtDebug(site));
        await tellFailures(site);
      },
    );

async function openSite(context: TestContext, generation: Generation, level: string): Promise<Site> {
  const [mirror, upstream] = await Promise.all([startScriptedRegistry(), startScriptedRegistry()]);
  context.after(() => Promise.all([mirror.stop(), upstream.stop()]));
  const config = (paths: Parameters<typeof defaultConfig>[1]): string =>
    `${defaultConfig(generation, paths)}[debug]\n  level = "${level}"\n`;
  const daemon = await startContainerd({ generation, config });
  context.after(() => daemon.stop());
  const node = createEvidenceNode(daemon);
  await node.setHosts("gcr.io", [mirror.url], upstream.url);
  const journal = startJournal(daemon.dir);
  const copying = await copyLog(daemon, journal);
  const unitLog = createUnitJournal({ unit: UNIT, root: journal.root });
  const source = startLogSource({ ports: node.ports, unitLog, sink: node.sink });
  context.after(async () => {
    await source.stop();
    await copying.stop();
    await journal.stop();
  });
  source.watch([{ namespace: "gcr.io", mirrors: [mirror.url], upstream: "allow" }]);
  let asked = 0;
  /** The source has read all that was written before: a failed pull that nobody made comes through. */
  const read = async (): Promise<void> => {
    const name = `probe-${++asked}`;
    await copying.flush();
    await until("the log is read", () => {
      journal.write(UNIT, `level=error msg="PullImage \\"gcr.io/${name}:1\\" failed" error="x"`);
      return node.notices.some(({ repository }) => repository === name);
    });
    node.notices.splice(
      0,
      node.notices.length,
      ...node.notices.filter(({ repository }) => !isProbe(repository)),
    );
  };
  await read();
  return {
    daemon,
    node,
    source,
    mirror,
    upstream,
    async pull(name, does, path) {
      const image = buildImage();
      for (const registry of [mirror, upstream]) registry.put(`team/${name}`, "1", image);
      mirror.script(...(does === undefined ? [] : [{ does, ...(path === undefined ? {} : { path }) }]));
      const pulled = await daemon.pull(`gcr.io/team/${name}:1`);
      await read();
      return pulled.ok;
    },
  };
}

function isProbe(repository: string): boolean {
  return repository.startsWith("probe-");
}

/** What the daemon writes goes to its unit's journal, as systemd would see to it. */
async function copyLog({ logPath }: LabContainerd, journal: LabJournal) {
  const file = await open(logPath);
  await file.readFile();
  let rest = "";
  const flush = async (): Promise<void> => {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(1 << 20));
    const lines = `${rest}${buffer.toString("utf8", 0, bytesRead)}`.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) journal.write(UNIT, line);
  };
  const timer = setInterval(() => void flush(), 50);
  return {
    flush,
    async stop() {
      clearInterval(timer);
      await file.close();
    },
  };
}

const status = (code: number): Behaviour => ({ kind: "status", status: code });

/** Resolving at the mirror goes wrong; blobs going wrong leaves no line at this level. */
async function tellAtInfo({ node, source, mirror, pull }: Site, generation: Generation): Promise<void> {
  const isNew = generation === "2.1";
  const wrong: readonly (readonly [string, Behaviour, boolean])[] = [
    ["lacks", status(404), true],
    ["forbids", status(403), isNew],
    ["limits", status(429), isNew],
    ["fails", status(500), isNew],
    ["resets", { kind: "reset" }, true],
  ];
  assert.equal(await pull("served"), true);
  assert.equal(await pull("no-layers", status(404), /\/blobs\//), true);
  assert.equal(node.fallbacks.length, 0);
  for (const [name, does, isTold] of wrong) {
    assert.equal(await pull(name, does), true, name);
    const told = node.fallbacks.splice(0).map(({ atMs: _, reason, ...rest }) => {
      assert.ok(reason.startsWith(`${mirror.host}: `), reason);
      return rest;
    });
    const fallback = { registry: "gcr.io", repository: `team/${name}`, object: "1", wentTo: "gcr.io" };
    assert.deepEqual(
      told,
      isTold ? [{ ...fallback, kind: "manifest", method: "HEAD", source: "log" }] : [],
      name,
    );
  }
  assert.match(
    source.state().message,
    isNew ? /nothing of blobs/ : /1\.x tells of mirrors that answer 404 or not/,
  );
}

/** Every request that the upstream served is told once, as its own access log has it. */
async function tellAtDebug({ node, mirror, upstream, pull }: Site): Promise<void> {
  assert.equal(await pull("served"), true);
  assert.equal(node.fallbacks.length, 0);
  const wrong: readonly (readonly [string, Behaviour, RegExp?])[] = [
    ["forbids", status(403)],
    ["no-layers", status(404), /\/blobs\//],
    ["resets", { kind: "reset" }],
    ["limits", status(429), /manifests\/1$/],
  ];
  for (const [name, does, path] of wrong) {
    upstream.clearRequests();
    assert.equal(await pull(name, does, path), true, name);
    const told = node.fallbacks.splice(0).map(({ kind, object, wentTo }) => `${wentTo} ${kind}s/${object}`);
    const served = upstream
      .requests()
      .map(({ path: asked }) => `${upstream.host} ${asked.split("/").slice(-2).map(shortObject).join("/")}`);
    assert.ok(served.length > 0);
    assert.deepEqual(told.toSorted(), served.toSorted(), name);
  }
  assert.ok(mirror.requests().length > 0);
}

async function tellFailures({ daemon, node, source, mirror, pull }: Site): Promise<void> {
  node.fallbacks.splice(0);
  const startMs = Date.now();
  assert.equal(
    await pull("short", { kind: "body", change: (bytes) => bytes.subarray(0, 10) }, /blobs/),
    false,
  );
  const [failure, ...more] = node.notices.splice(0);
  assert.deepEqual(more, []);
  assert.ok(failure !== undefined && !failure.ok && failure.from === "log");
  assert.equal(failure.reference, "gcr.io/team/short:1");
  assert.match(failure.error ?? "", /unexpected EOF/);
  assert.ok((failure.startedMs ?? 0) >= startMs - 1000 && failure.endedMs >= (failure.startedMs ?? 0));

  mirror.script({ does: status(404) });
  const own = await node.ports.containerd.pullImage(
    "gcr.io/team/none:1",
    20_000,
    AbortSignal.timeout(20_000),
  );
  assert.equal(own.ok, false);
  await node.setHosts("gcr.io", ['broken"]'], "http://127.0.0.1:1");
  assert.equal(await pull("dropped"), false);
  const others = node.notices.splice(0).map(({ reference }) => reference);
  assert.deepEqual(others, ["gcr.io/team/dropped:1"], "the agent's own failed pull is not told");
  const file = daemon.generation === "2.1" ? `${daemon.certsD}/gcr.io/hosts.toml` : "a hosts.toml";
  assert.ok(
    source.state().message.startsWith(`containerd does not read ${file}, so that its mirrors are not used: `),
  );
}
