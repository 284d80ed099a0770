import { HostError, type Log } from "../agent/ports.ts";
import type { CommandIo, ExitCode } from "../cli/command.ts";
import type { FleetControlOptions } from "../cli/fleet-commands.ts";
import { readVersion } from "../cli/read-version.ts";
import type { FeedConfig } from "../core/feed-config/parse-feed-config.ts";
import { formatIssue } from "../core/issue.ts";
import { listenHttp } from "../edge/http-server.ts";
import { createServiceNotifier } from "../edge/sd-notify.ts";
import { readStateEnds } from "../fleet/store/state-ends.ts";
import { createClock } from "../host/clock.ts";
import { sha256 } from "../host/sha256.ts";
import { controlRoutes } from "./control-routes.ts";
import { loadFeedConfig } from "./load-feed-config.ts";
import { type OpenedFleet, openFollowedFleet } from "./open-followed-fleet.ts";
import { runController } from "./run-controller.ts";

/** A process that takes part in leading a fleet and serves no nodes, until SIGTERM or SIGINT. */
export async function serveControl(
  options: FleetControlOptions,
  io: CommandIo,
  createLog: (config: Pick<FeedConfig, "logLevel">) => Promise<Log>,
): Promise<ExitCode> {
  const loaded = await loadFeedConfig(options);
  if (!loaded.ok) {
    for (const issue of loaded.issues) io.stderr(`${formatIssue(issue)}\n`);
    return 78;
  }
  const { config } = loaded;
  const log = await createLog(config);
  const { uptimeMs } = createClock();
  const opened = await openFollowedFleet(config, options.root, uptimeMs, log);
  if (typeof opened === "string") {
    io.stderr(`mirrorlet: ${opened}\n`);
    return 78;
  }
  try {
    return await controlUntilSignal(config, opened, uptimeMs, log);
  } catch (error) {
    if (!(error instanceof HostError) || !error.code.startsWith("address-")) throw error;
    io.stderr(`mirrorlet: ${error.message}\n`);
    return 78;
  } finally {
    await opened.close();
  }
}

async function controlUntilSignal(
  { http: { address, allowedHosts }, fleet }: FeedConfig,
  { store, followed }: OpenedFleet,
  uptimeMs: () => number,
  log: Log,
): Promise<ExitCode> {
  const ended = signalled();
  const version = readVersion();
  const controller = runController({ store, followed, uptimeMs, version, log });
  const endOf = readStateEnds(store, uptimeMs).of;
  const source = { followed, controller: controller.status, nowMs: Date.now, uptimeMs, sha256, endOf };
  try {
    const routes = controlRoutes(source);
    const http = await listenHttp({ address, metricsAddress: undefined, allowedHosts, routes, log });
    const notify = createServiceNotifier(process.env, log, async () => true);
    log.info({ fleet, http: http.address }, "takes part in leading the fleet");
    await notify.ready();
    const signal = await ended;
    log.info({ signal }, "stopping");
    await notify.stopping();
    await http.close();
    await notify.close();
    return 0;
  } finally {
    // Another one has the lead at once.
    await controller.stop();
  }
}

/** The first signal ends in order, the second at once. */
function signalled(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const)
      process.once(signal, () => {
        for (const again of ["SIGTERM", "SIGINT"] as const) process.once(again, () => process.exit(1));
        resolve(signal);
      });
  });
}
