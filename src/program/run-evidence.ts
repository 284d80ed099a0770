import type { Socket } from "node:net";
import type { EvidenceKeeper } from "../agent/evidence/evidence-keeper.ts";
import type { ProbeImage } from "../agent/evidence/probe-ports.ts";
import { claimPulls, createPullClaims } from "../agent/evidence/pull-claims.ts";
import { startCanaries } from "../agent/evidence/start-canaries.ts";
import { startImageEvents } from "../agent/evidence/start-image-events.ts";
import { startLogSource } from "../agent/evidence/start-log-source.ts";
import { yieldToPass } from "../agent/evidence/yield-to-pass.ts";
import type { PassContext } from "../agent/pass-context.ts";
import type { PassReport } from "../agent/report.ts";
import { parseImageReference } from "../core/containerd/image-reference.ts";
import { unitOf } from "../core/containerd/unit-of-command.ts";
import type { EvidenceSource } from "../core/evidence/evidence-report.ts";
import type { Route } from "../edge/http-routes.ts";
import type { PeerTrust } from "../edge/peer-trust.ts";
import type { TraceStats } from "../edge/traces/trace-receiver.ts";
import { createUnitJournal } from "../host/follow-journal.ts";
import type { NodeSetup } from "./compose-node.ts";
import { composeProbeRounds } from "./compose-probes.ts";
import { joinWitnessState } from "./join-witness-state.ts";
import { runTraces } from "./run-traces.ts";
import { runWitness } from "./run-witness.ts";

/** Every source tells how it is, sooner or later. */
export const STARTED_SOURCES: readonly EvidenceSource[] = ["trace", "witness", "canary", "log", "probe"];

/** All sources of evidence at work. */
export interface EvidenceRun {
  /** Where spans come in. */
  readonly routes: readonly Route[];
  /** The same context for passes, for which canaries make room, and whose own pulls are known as such. */
  readonly context: PassContext;
  /** What is in force from now on. */
  passed(report: PassReport): void;
  /** What came of containerd's exports. */
  traceStats(): TraceStats;
  /** Resolves when the witness' thread has answered. */
  ping(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * `isBusy`: a pass is under way. `trustOf`: whether spans that come over a connection are believed. The witness listens when this resolves: hosts.toml may name it from then on.
 */
export async function runEvidence(
  setup: NodeSetup,
  context: PassContext,
  keeper: EvidenceKeeper,
  isBusy: () => boolean,
  trustOf: (socket: Socket) => Promise<PeerTrust>,
): Promise<EvidenceRun> {
  const { config, root, log } = setup;
  const { sink } = keeper;
  const claims = createPullClaims(context.ports.clock);
  const containerd = claimPulls(context.ports.containerd, claims);
  const ports = { ...context.ports, containerd, claims };
  const unit = unitOf(config.containerd.restart);
  const unitLog = unit === undefined ? undefined : createUnitJournal({ unit, root });
  const { canaryIntervalMs } = config.evidence;
  let canaryImages: readonly string[] = [];

  const witnessState = joinWitnessState(sink.source);
  const witness = await runWitness(
    context.witness,
    config,
    { witnessed: sink.witnessed, source: witnessState.witness },
    log,
  );
  const traces = runTraces(config, ports, sink, trustOf);
  const canaries = startCanaries({
    ports,
    sink,
    intervalMs: canaryIntervalMs,
    random: Math.random,
    isBusy,
  });
  const imageEvents = startImageEvents({ ports, sink, onState: witnessState.imageEvents });
  const journal = startLogSource({ ports, unitLog, sink });
  const probes = composeProbeRounds(setup, ports, sink, (registry) =>
    findProbeImage(registry, canaryImages, keeper),
  );
  return {
    routes: traces.routes,
    context: {
      ...context,
      ports: { ...ports, containerd: yieldToPass(containerd, canaries.interrupt) },
    },
    passed(report) {
      canaryImages = report.canaries ?? canaryImages;
      traces.passed(report);
      witness.passed();
      canaries.afterPass(report);
      if (report.registries === undefined) return;
      journal.watch(report.registries);
      probes.watch(report.registries);
    },
    traceStats: traces.stats,
    ping: witness.ping,
    async stop() {
      traces.stop();
      await Promise.all([canaries.stop(), imageEvents.stop(), journal.stop(), probes.stop()]);
      await witness.stop();
    },
  };
}

/** A canary, which every mirror has to have, or what was pulled last, which a cache may have dropped since. */
function findProbeImage(
  registry: string,
  canaries: readonly string[],
  keeper: Pick<EvidenceKeeper, "recentPulls">,
): ProbeImage | undefined {
  const canary = findReference(canaries, registry);
  if (canary !== undefined) return { reference: canary, isExpected: true };
  const pulled = keeper.recentPulls().flatMap(({ reference }) => reference ?? []);
  const reference = findReference(pulled, registry);
  return reference === undefined ? undefined : { reference, isExpected: false };
}

function findReference(images: readonly string[], registry: string) {
  for (const image of images) {
    const parsed = parseImageReference(image);
    if (parsed.ok && parsed.reference.namespace === registry) return parsed.reference;
  }
  return undefined;
}
