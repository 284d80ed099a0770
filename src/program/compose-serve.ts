import type { Log } from "../agent/ports.ts";
import type { CommandIo, ExitCode } from "../cli/command.ts";
import type { FleetServeOptions } from "../cli/fleet-commands.ts";
import type { FeedConfig } from "../core/feed-config/parse-feed-config.ts";
import { formatIssue } from "../core/issue.ts";
import type { EngineNotice } from "../fleet/engine/engine.ts";
import { createClock } from "../host/clock.ts";
import { loadFeedConfig } from "./load-feed-config.ts";
import { openFleetEngine } from "./open-fleet-engine.ts";
import { serveFleet } from "./serve-fleet.ts";

/** `fleet serve`, from its options to its end. What is wrong with the configuration is 78. */
export async function composeServe(
  options: FleetServeOptions,
  io: CommandIo,
  createLog: (config: Pick<FeedConfig, "logLevel">) => Promise<Log>,
): Promise<ExitCode> {
  // One that comes before there is anything to look at again is not to end it.
  process.on("SIGHUP", () => undefined);
  const fail = (message: string): ExitCode => {
    io.stderr(`mirrorlet: ${message}\n`);
    return 78;
  };
  const set = [...options.set, ...(options.controller ? [] : ["controller=false"])];
  const loaded = await loadFeedConfig({ ...options, set });
  if (!loaded.ok) {
    for (const issue of loaded.issues) io.stderr(`${formatIssue(issue)}\n`);
    return fail("the feed server's configuration is wrong, nothing is served");
  }
  const { config } = loaded;
  const { root } = options;
  const log = await createLog(config);
  const onNotice = (notice: EngineNotice): void => {
    if (notice.kind === "old-version") log.warn({ endpoint: notice.endpoint }, notice.message);
  };
  const { uptimeMs } = createClock();
  const engine = await openFleetEngine(config, { root, mayCreate: true, uptimeMs, onNotice });
  if (typeof engine === "string") return fail(engine);
  return serveFleet({ config, root, log, engine }, io);
}
