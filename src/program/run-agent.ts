import type { Log } from "../agent/ports.ts";
import { type Reconciler, startReconciler } from "../agent/reconciler.ts";
import { isReady, type PassReport } from "../agent/report.ts";
import type { NodeDeps } from "../cli/node-deps.ts";
import { type HealthCheck, healthRoutes } from "../edge/health-routes.ts";
import { listenHttp } from "../edge/http-server.ts";
import { createMetrics } from "../edge/metrics.ts";
import { createServiceNotifier } from "../edge/sd-notify.ts";
import { createSettledReads } from "../edge/settle-reads.ts";
import { watchDesiredState } from "../edge/watch-desired-state.ts";
import { watchPaths } from "../edge/watch-paths.ts";
import type { NodeSetup } from "./compose-node.ts";
import { isNews } from "./is-news.ts";
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

/** `/readyz`: the first pass is over and what is wanted is in force. Trouble of a mirror alone fails nothing. */
function readinessChecks(latest: () => PassReport | undefined): readonly HealthCheck[] {
  return [
    {
      name: "first-pass",
      check: () => ({
        ok: latest() !== undefined,
        message: latest() === undefined ? "no pass is over yet" : "",
      }),
    },
    {
      name: "desired-state",
      check: () => {
        const report = latest();
        if (report === undefined) return { ok: false, message: "not known yet" };
        return { ok: isReady(report), message: isReady(report) ? "" : conditionsText(report) };
      },
    },
  ];
}

function conditionsText({ conditions }: PassReport): string {
  return conditions.map(({ type, message }) => `${type}: ${message}`).join("; ");
}

function statusLine(report: PassReport): string {
  return isReady(report) ? `generation ${report.observedGeneration} is in force` : conditionsText(report);
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
  else log.warn(fields, text);
}

/** The daemon: watches the desired state and what we own, reconciles, and says how it stands. */
export async function runAgent(
  { config, root, log }: NodeSetup,
  deps: NodeDeps,
  version: string,
): Promise<AgentRun> {
  const metrics = createMetrics({ version, nodeVersion: process.version });
  const notify = createServiceNotifier(process.env, log);
  let latest: PassReport | undefined;
  const http = await listenHttp({
    address: config.http.address,
    metricsAddress: config.http.metricsAddress,
    allowedHosts: config.http.allowedHosts,
    routes: [...healthRoutes(readinessChecks(() => latest)), metrics.route],
    log,
  });
  const context = deps.createContext({
    sources: [config.desiredState],
    adopt: false,
    mayRestart: true,
    retryQuarantined: false,
  });
  const reads = createSettledReads(QUIET_MS, FLOOD_MS, () =>
    reconciler?.trigger("the desired state may have changed"),
  );
  let drift: ReturnType<typeof watchPaths> | undefined;
  let reconciler: Reconciler | undefined;
  const watch = watchDesiredState({ path: config.desiredState, root, log }, reads.touched);
  // Before the first pass reads it, so that no change falls between the two.
  await watch.ready;
  const running = startReconciler({
    context: { ...context, load: () => reads.settled(context.load) },
    resyncMs: config.resyncMs,
    onReport(report) {
      if (latest === undefined) void notify.ready();
      const previous = latest;
      latest = report;
      metrics.recordPass(report);
      logReport(report, previous, log);
      void notify.status(statusLine(report));
      drift?.refresh();
    },
  });
  reconciler = running;
  drift = watchPaths(
    () =>
      watchTargets({ config, root }, latest).map((target) => ({
        directory: `${root}${target.directory}`,
        ...(target.only && { only: target.only }),
      })),
    log,
    () => running.trigger("something we own or read was touched"),
  );
  log.info({ address: http.address, desired_state: config.desiredState }, "mirrorlet is running");
  return {
    address: http.address,
    reload: () => running.trigger("reload"),
    async stop() {
      await notify.stopping();
      await watch.close();
      drift?.close();
      await running.stop();
      await http.close();
    },
  };
}
