// The measurements; scripts/bench-feed sets the machine up and starts this.
import { type ChildProcess, fork, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createEtcdEngine } from "../src/fleet/engine/etcd/etcd-engine.ts";
import { putBundle } from "../src/fleet/store/bundles.ts";
import type { FleetStore } from "../src/fleet/store/fleet-store.ts";
import { readFleet } from "../src/fleet/store/read-fleet.ts";
import { writeChannel } from "../src/fleet/store/write-channel.ts";
import { startEtcd } from "../test/support/etcd.ts";
import { findFreePort } from "../test/support/free-port.ts";
import { leaseDirectory } from "../test/support/leased-directory.ts";
import { describeMachine } from "./lib/bench/describe-machine.ts";
import type { NodesOrder } from "./lib/bench/feed/simulate-nodes.ts";
import { cpuSeconds } from "./lib/bench/process-cpu.ts";

const counts = (process.argv[2] ?? "1000,5000,10000").split(",").map(Number);
const ROUNDS = 5;
const ENVELOPE_BYTES = 4_096;
const WAIT_MS = 120_000;

interface Spread {
  readonly p50: number;
  readonly p99: number;
}

const lease = await leaseDirectory("bench");
try {
  const rows: string[] = [];
  for (const count of counts) {
    const row = await measure(count);
    process.stderr.write(`bench-feed: ${row}\n`);
    rows.push(row);
  }
  process.stdout.write(`${await describeMachine(lease.path)}\n
| nodes | connect, a second | publish to told, p50 / p99 | bare TLS, p50 / p99 | ratio of p99 | memory a node | CPU a publish | put while told |
|---|---|---|---|---|---|---|---|
${rows.join("\n")}
`);
} finally {
  await lease.release();
}

async function measure(count: number): Promise<string> {
  const directory = await mkdtemp(join(lease.path, "feed-"));
  const etcd = await startEtcd();
  const nodes = fork(join(import.meta.dirname, "lib/bench/feed/simulate-nodes.ts"), {
    execArgv: ["--import", "tsx"],
  });
  const children: ChildProcess[] = [nodes];
  try {
    const [tls] = (await once(nodes, "message")) as [{ ca: string; cert: string; key: string }];
    const engine = await createEtcdEngine({
      endpoints: etcd.endpoints,
      nowMs: () => performance.now(),
      random: Math.random,
    });
    const store = { engine, fleet: "bench" };
    const feed = await startFeed(directory, etcd.endpoints, tls);
    children.push(feed.child);
    const pid = feed.child.pid ?? 0;
    const emptyBytes = await rss(pid);
    const startMs = performance.now();
    await order(nodes, { kind: "connect", way: "feed", port: feed.port, from: 0, count }, count);
    const perSecond = count / ((performance.now() - startMs) / 1_000);
    await settled(store, count);
    const beforeCpu = cpuSeconds(pid);
    const told: number[] = [];
    const puts: number[] = [];
    for (let round = 0; round < ROUNDS; round++)
      told.push(...(await publish(store, round, nodes, count, puts)));
    const cpu = (cpuSeconds(pid) - beforeCpu) / ROUNDS;
    const perNode = ((await rss(pid)) - emptyBytes) / count / 1024;
    feed.child.kill("SIGKILL");
    const bare = await measureBare(tls, count, children);
    await engine.close();
    const feedSpread = spread(told);
    const ratio = feedSpread.p99 / bare.p99;
    return `| ${count} | ${perSecond.toFixed(0)} | ${feedSpread.p50.toFixed(0)} / ${feedSpread.p99.toFixed(0)} ms | ${bare.p50.toFixed(0)} / ${bare.p99.toFixed(0)} ms | ${ratio.toFixed(1)} | ${perNode.toFixed(0)} KiB | ${cpu.toFixed(2)} s | ${spread(puts).p99.toFixed(1)} ms |`;
  } finally {
    for (const child of children) child.kill("SIGKILL");
    await etcd.stop();
  }
}

async function startFeed(
  directory: string,
  endpoints: readonly string[],
  tls: { ca: string; cert: string; key: string },
) {
  const [port, http] = [await findFreePort(), await findFreePort()];
  const settings = [
    `feed.address=127.0.0.1:${port}`,
    `http.address=127.0.0.1:${http}`,
    "feed.max_streams=100000",
    "feed.handshakes_per_second=100000",
    "controller=false",
    "log.level=warn",
  ];
  for (const name of ["ca", "cert", "key"] as const) {
    await writeFile(join(directory, name), tls[name]);
    settings.push(`feed.${name}=${join(directory, name)}`);
  }
  const hosts = endpoints.map((endpoint) => endpoint.replace("http://", "")).join(",");
  const args = ["dist/main.js", "fleet", "serve", "--fleet", "bench", "--engine", `etcd://${hosts}`];
  const child = spawn(process.execPath, [...args, ...settings.flatMap((one) => ["--set", one])], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  for (let waited = 0; waited < WAIT_MS; waited += 100) {
    const answer = await fetch(`http://127.0.0.1:${http}/readyz`).catch(() => undefined);
    if (answer?.status === 200) return { child, port };
    await delay(100);
  }
  throw new Error("the feed server is not ready");
}

async function order(nodes: ChildProcess, what: NodesOrder, wanted: number): Promise<void> {
  nodes.send(what);
  const [{ connected }] = (await once(nodes, "message")) as [{ connected: number }];
  if (connected !== wanted) throw new Error(`${connected} of ${wanted} are connected`);
}

/** All are entered in the engine. */
async function settled(store: FleetStore, count: number): Promise<void> {
  for (let waited = 0; waited < WAIT_MS; waited += 500) {
    if ((await readFleet(store)).status.size >= count) return;
    await delay(500);
  }
  throw new Error("not all nodes were entered");
}

async function publish(
  store: FleetStore,
  round: number,
  nodes: ChildProcess,
  count: number,
  puts: number[],
): Promise<readonly number[]> {
  const envelope = randomBytes(ENVELOPE_BYTES);
  const digest = createHash("sha256").update(envelope).digest("hex");
  await putBundle(store, digest, envelope);
  const before = (await readFleet(store)).channel.get("stable");
  const generation = round + 1;
  const startMs = performance.timeOrigin + performance.now();
  const stable = { digest, serial: generation };
  await writeChannel(store, "stable", before, { members: {}, scoped: [], stable, generation });
  const key = "/bench/put";
  const ends = Date.now() + WAIT_MS;
  const heard: number[] = [];
  while (heard.length < count && Date.now() < ends) {
    const putMs = performance.now();
    await store.engine.txn({ success: [{ kind: "put", key, value: Buffer.alloc(256) }] });
    puts.push(performance.now() - putMs);
    await delay(20);
    heard.push(...(await collect(nodes)));
  }
  if (heard.length !== count) throw new Error(`${heard.length} of ${count} have heard`);
  return heard.map((ms) => ms - startMs);
}

async function collect(nodes: ChildProcess): Promise<readonly number[]> {
  nodes.send({ kind: "collect" } satisfies NodesOrder);
  const [{ heard }] = (await once(nodes, "message")) as [{ heard: readonly number[] }];
  return heard;
}

async function measureBare(
  tls: { ca: string; cert: string; key: string },
  count: number,
  children: ChildProcess[],
): Promise<Spread> {
  const bare = fork(join(import.meta.dirname, "lib/bench/feed/bare-fan-out.ts"), {
    execArgv: ["--import", "tsx"],
    env: { ...process.env, CA: tls.ca, CERT: tls.cert, KEY: tls.key },
  });
  const nodes = children[0] as ChildProcess;
  children.push(bare);
  const [{ port }] = (await once(bare, "message")) as [{ port: number }];
  await order(nodes, { kind: "connect", way: "bare", port, from: 0, count }, count);
  const told: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const startMs = performance.timeOrigin + performance.now();
    bare.send(ENVELOPE_BYTES);
    const heard: number[] = [];
    for (let waited = 0; heard.length < count && waited < WAIT_MS; waited += 20) {
      await delay(20);
      heard.push(...(await collect(nodes)));
    }
    told.push(...heard.map((ms) => ms - startMs));
  }
  return spread(told);
}

function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}

async function rss(pid: number): Promise<number> {
  const { readFile } = await import("node:fs/promises");
  const found = /^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, "utf8"));
  return Number(found?.[1] ?? 0) * 1024;
}
