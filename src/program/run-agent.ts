import { hostname } from "node:os";
import { describeGeneration } from "../agent/describe-generation.ts";
import { watchNode } from "../agent/doctor/watch-node.ts";
import { createEvidenceKeeper } from "../agent/evidence/evidence-keeper.ts";
import type { Log } from "../agent/ports.ts";
import { type Reconciler, startReconciler } from "../agent/reconciler.ts";
import { isReady, type PassReport } from "../agent/report.ts";
import { createStatusBoard, type StatusBoard } from "../agent/status-board.ts";
import type { NodeDeps } from "../cli/node-deps.ts";
import { createDebounce } from "../edge/debounce.ts";
import { listenHttp } from "../edge/http-server.ts";
import { createMetrics } from "../edge/metrics.ts";
import { createPeerTrust } from "../edge/peer-trust.ts";
import { createServiceNotifier } from "../edge/sd-notify.ts";
import { createSettledReads } from "../edge/settle-reads.ts";
import { NO_TRACES } from "../edge/traces/trace-receiver.ts";
import { watchDesiredState } from "../edge/watch-desired-state.ts";
import { watchPaths } from "../edge/watch-paths.ts";
import { inspectCertificates } from "../host/certificates.ts";
import { createPeerOwners } from "../host/peer-owner.ts";
import { returnMemory } from "../shared/return-memory.ts";
import { agentRoutes, evidenceFacts, feedFacts } from "./agent-routes.ts";
import { agentsContext } from "./agents-context.ts";
import type { NodeSetup } from "./compose-node.ts";
import { isNews } from "./is-news.ts";
import { type EvidenceRun, runEvidence, STARTED_SOURCES } from "./run-evidence.ts";
import type { FeedRun } from "./run-feed.ts";
import { watchTargets } from "./watch-targets.ts";

export interface AgentRun {
  /** Asks for a pass, as SIGHUP does. */
  reload(): void;
  /** Ends after the pass under way. */
  stop(): Promise<void>;
  /** host:port of the listener, for tests that let the kernel choose. */
  readonly address: string;
}

/** A writer of the desired state is given this long from one touch to the next, and no longer than the second in all. */
const QUIET_MS = 20;
const FLOOD_MS = 200;

/** From its start. A first pass with a restart of containerd takes a second or two. */
const READY_AT_LATEST_MS = 20_000;
/** A pass that stands still for so long waits for ever: the watchdog ends the agent, and its next start goes on. */
const STILL_MS = 5 * 60_000;
/**
 * One that runs for so long goes round for ever, and is ended the same way. The longest that may be: 32 canaries, 30 s
 * before a restart and 30 s after it each; two restarts; their gates.
 */
const RUN_MS = 60 * 60_000;

function conditionsText({ conditions }: PassReport): string {
  return conditions.map(({ type, message }) => `${type}: ${message}`).join("; ");
}

/** For `systemctl status`. */
function statusLine(board: StatusBoard): string {
  const { latest } = board;
  if (latest === undefined) return "the first pass is not over yet";
  if (!isReady(latest)) return conditionsText(latest);
  return `${describeGeneration(latest.observedGeneration)} is in force. ${board.status().summary.sentence}`;
}

/** Nothing above debug for a pass that changed nothing and found nothing new. */
function logReport(report: PassReport, previous: PassReport | undefined, log: Log): void {
  const { outcome, generation, done, durationMs } = report;
  const fields = { outcome, generation, duration_ms: Math.round(durationMs), done };
  const text = conditionsText(report);
  for (const { path, diff } of report.drift)
    log.warn({ path, diff }, "changed by somebody else and put right");
  if (!isNews(report, previous)) log.debug(fields, "pass over");
  else if (isReady(report)) log.info(fields, text);
  else if (outcome === "failed") log.error(fields, text);
  else log.warn(fields, text);
}

const NOT_READY = { kind: "none", message: "the feed is not asked yet", isFresh: false } as const;

/** The daemon: watches the desired state and what we own, reconciles, and says how it stands. */
export async function runAgent(
  { config, root, log }: NodeSetup,
  deps: NodeDeps,
  version: string,
): Promise<AgentRun> {
  let reconciler: Reconciler | undefined;
  let sources: EvidenceRun | undefined;
  let feed: FeedRun | undefined;
  const notify = createServiceNotifier(process.env, log, async () => {
    await sources?.ping();
    return (reconciler?.stillMs ?? 0) < STILL_MS && (reconciler?.runMs ?? 0) < RUN_MS;
  });
  const chosen = async () => (feed === undefined ? NOT_READY : feed.choose());
  const nodeContext = agentsContext(deps, config, config.feed && chosen);
  const { clock } = nodeContext.ports;
  const { config: configFile, certsD } = config.containerd;
  const evidence = createEvidenceKeeper({
    clock,
    log,
    expected: STARTED_SOURCES,
    onTurn: () => {
      teller.poke();
      feed?.turned();
    },
  });
  const board = createStatusBoard({ version, node: hostname() }, clock, evidence, () => feed?.status());
  const teller = createDebounce(QUIET_MS, FLOOD_MS, () => void notify.status(statusLine(board)));
  const metrics = createMetrics({
    version,
    nodeVersion: process.version,
    evidence: () => evidenceFacts(board, evidence, sources?.traceStats() ?? NO_TRACES),
    feed: config.feed && (() => feedFacts(feed)),
  });
  const doctor = watchNode({
    ports: nodeContext.ports,
    containerd: nodeContext.ports.containerd,
    configFile,
    certsD,
    inspectCertificates,
    onChange(findings) {
      board.found(findings);
      metrics.expire();
    },
  });
  const trustOf = createPeerTrust({
    ownerOfPeer: createPeerOwners().ownerOf,
    ownUid: process.getuid?.() ?? 0,
  });
  const isBusy = () => reconciler?.busy ?? true;
  sources = await runEvidence({ config, root, log }, nodeContext, evidence, isBusy, trustOf);
  const { context, passed, routes, stop: stopSources } = sources;
  if (config.feed !== undefined) {
    // Loaded where it is wanted: a node without a feed does not carry its transport.
    const { runFeed } = await import("./run-feed.ts");
    feed = await runFeed({
      setup: { config, root, log },
      feed: config.feed,
      version,
      deps,
      context,
      evidence,
      trigger: (reason) => reconciler?.trigger(reason),
      isBusy,
      onChange: metrics.expire,
    });
  }
  const http = await listenHttp({
    address: config.http.address,
    metricsAddress: config.http.metricsAddress,
    allowedHosts: config.http.allowedHosts,
    routes: [...agentRoutes(board, evidence), metrics.route, ...routes],
    trustOf,
    log,
  }).catch(async (error: unknown) => {
    await stopSources();
    throw error;
  });
  const reads = createSettledReads(QUIET_MS, FLOOD_MS, () =>
    reconciler?.trigger("the desired state may have changed"),
  );
  let drift: ReturnType<typeof watchPaths> | undefined;
  const watch = watchDesiredState({ path: config.desiredState, root, log }, reads.touched);
  // What is ordered behind the agent at boot, kubelet above all, waits for the first pass, but not for a long one.
  const waited = setTimeout(() => void notify.ready(), READY_AT_LATEST_MS);
  const sayReady = (): void => {
    clearTimeout(waited);
    void notify.ready();
  };
  // Before the first pass reads it, so that no change falls between the two.
  await watch.ready;
  const running = startReconciler({
    context: { ...context, load: () => reads.settled(context.load) },
    resyncMs: config.resyncMs,
    onReport(report) {
      const previous = board.latest;
      if (previous === undefined) sayReady();
      board.passed(report);
      evidence.passed(report);
      passed(report);
      feed?.passed(report);
      doctor.passed();
      metrics.recordPass(report);
      logReport(report, previous, log);
      teller.poke();
      drift?.refresh();
      watch.refresh();
    },
  });
  reconciler = running;
  feed?.start();
  drift = watchPaths(
    () =>
      watchTargets({ config, root }, board.latest).map((target) => ({
        directory: `${root}${target.directory}`,
        ...(target.only && { only: target.only }),
      })),
    log,
    () => running.trigger("something we own or read was touched"),
  );
  const stopReturning = returnMemory();
  log.info({ address: http.address, desired_state: config.desiredState }, "mirrorlet is running");
  return {
    address: http.address,
    reload: () => running.trigger("reload"),
    async stop() {
      clearTimeout(waited);
      stopReturning();
      teller.cancel();
      await notify.stopping();
      await watch.close();
      drift?.close();
      await feed?.stop();
      await running.stop();
      await stopSources();
      await doctor.stop();
      evidence.stop();
      await http.close();
    },
  };
}
