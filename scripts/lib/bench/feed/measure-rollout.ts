import { createHash, randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { RolloutSpec, Wave, WavePick } from "../../../../src/core/fleet/rollout-spec.ts";
import { isEnded } from "../../../../src/core/fleet/rollout-state.ts";
import { startRollout } from "../../../../src/core/fleet/start-rollout.ts";
import { putBundle } from "../../../../src/fleet/store/bundles.ts";
import type { FleetStore } from "../../../../src/fleet/store/fleet-store.ts";
import { readFleet } from "../../../../src/fleet/store/read-fleet.ts";
import { writeChannel } from "../../../../src/fleet/store/write-channel.ts";
import { beginRollout } from "../../../../src/fleet/store/write-rollout.ts";
import { stageFleet } from "./stage-fleet.ts";

export const ROLLOUT_HEAD = `| nodes | waves | in all | soaks and bakes | over that |
|---|---|---|---|---|`;

const SOAK_MS = 5_000;
const BAKE_MS = 2_000;
const REPORT_MS = 60_000;
const WAIT_MS = 300_000;
const LOOK_MS = 100;

/**
 * Asks all, then goes on through waves, with the real controller. Nodes answer at once and soak as they are told; nothing
 * spreads, and no cap makes one wave soak in several turns.
 */
export async function measureRollout(parent: string, count: number): Promise<string> {
  const stage = await stageFleet(parent);
  try {
    const feed = await stage.feed(["controller=true", "feed.handshakes_per_second=100000"]);
    const empty = { members: {}, scoped: [], generation: 1 };
    await writeChannel(stage.store, "stable", undefined, empty);
    await stage.nodes.order({ kind: "connect", way: "feed", port: feed.port, count, answering: true });
    await stage.settled(count);
    await untilLed(stage.store);
    const spec = await specFor(stage.store, count);
    const records = await readFleet(stage.store);
    const channel = records.channel.get("stable")?.value ?? empty;
    const started = startRollout(spec, channel, [], Date.now());
    if (!started.ok) throw new Error(started.messages.join("; "));
    const startMs = performance.now();
    const { ok } = await beginRollout(stage.store, records, spec, started);
    if (!ok) throw new Error("the rollout could not begin");
    await untilDone(stage.store, spec.id);
    const tookMs = performance.now() - startMs;
    const { status } = await readFleet(stage.store);
    const running = [...status.values()].filter(({ value }) => value.running?.digest === spec.to.digest);
    if (running.length !== count) throw new Error(`${running.length} of ${count} run what was rolled out`);
    const sumMs = spec.waves.length * (SOAK_MS + BAKE_MS);
    const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
    return `| ${count} | ${spec.waves.map(({ name }) => name).join(", ")} | ${seconds(tookMs)} | ${seconds(sumMs)} | ${seconds(tookMs - sumMs)} |`;
  } finally {
    await stage.stop();
  }
}

/** Servers begin nothing before they have heard a controller twice, which a fleet that goes on for long always has. */
async function untilLed(store: FleetStore): Promise<void> {
  const beatNow = async () => (await readFleet(store)).controller.get("")?.value.beat ?? 0;
  const before = await beatNow();
  for (let waited = 0; waited < WAIT_MS; waited += LOOK_MS) {
    if ((await beatNow()) > before + 1) return;
    await delay(LOOK_MS);
  }
  throw new Error("nobody leads");
}

async function untilDone(store: FleetStore, id: string): Promise<void> {
  for (let waited = 0; waited < WAIT_MS; waited += LOOK_MS) {
    const { state } = await readFleet(store);
    const now = state.get(id)?.value;
    if (now?.phase === "halted") throw new Error(`it has halted: ${JSON.stringify(now.halted)}`);
    if (now !== undefined && isEnded(now)) return;
    await delay(LOOK_MS);
  }
  throw new Error("the rollout does not end");
}

async function specFor(store: FleetStore, count: number): Promise<RolloutSpec> {
  const envelope = randomBytes(4_096);
  const digest = createHash("sha256").update(envelope).digest("hex");
  await putBundle(store, digest, envelope);
  const wave = (name: string, pick: WavePick): Wave => ({
    name,
    pick,
    maxInFlight: count,
    minDone: 1,
    maxFailed: 0,
    maxFailedPct: 0,
    maxSilentPct: 0,
    bakeMs: BAKE_MS,
    maxBakeMs: REPORT_MS,
    evidence: "one",
  });
  return {
    id: "r1",
    channel: "stable",
    to: { digest, serial: 1 },
    scope: {},
    classLabel: "class",
    preflight: { nodes: "all", maxFailed: 0, reportByMs: REPORT_MS },
    waves: [
      wave("canary", { kind: "nodes", nodes: ["n0", "n1"] }),
      ...[1, 10, 50, 100].map((percent) => wave(`${percent}-percent`, { kind: "percent", percent })),
    ],
    onHalt: "hold",
    offline: "skip",
    spreadMs: 0,
    soakMs: SOAK_MS,
    reportByMs: REPORT_MS,
    windows: [],
    supersedes: [],
    createdMs: Date.now(),
    createdBy: "bench",
  };
}
