import type { CommandIo, ExitCode } from "../cli/command.ts";
import type { GlobalOptions } from "../cli/commands.ts";
import type { FleetStoreCommands, StoreOptions } from "../cli/fleet-store-commands.ts";
import { type FleetStorePort, FleetUnavailable } from "../cli/fleet-store-port.ts";
import { formatIssue } from "../core/issue.ts";
import type { EngineNotice } from "../fleet/engine/engine.ts";
import { onInterrupt } from "./on-interrupt.ts";

/** begin: what a fleet may begin with, so that its journal is made where there is none. */
type Use = "look" | "change" | "begin";

/** The commands that need a fleet's engine. Nothing of it is loaded before one of them runs. */
export function composeFleetStoreCommands(
  createIo: (options: GlobalOptions) => CommandIo,
): FleetStoreCommands {
  const withStore = async (
    options: StoreOptions,
    run: (store: FleetStorePort, io: CommandIo) => Promise<ExitCode>,
    use: Use = "change",
  ): Promise<ExitCode> => {
    const io = createIo(options);
    const opened = await openStore(options, io, use === "begin");
    if (opened === undefined) return 78;
    try {
      return await run(opened.port, io);
    } catch (error) {
      if (!(error instanceof FleetUnavailable)) throw error;
      io.stderr(`mirrorlet: ${options.fleet ?? opened.port.fleet}: ${error.message}\n`);
      if (error.mayBeDone)
        io.stderr("mirrorlet: it may have been written all the same: look before you try again\n");
      return use === "look" ? 2 : 1;
    } finally {
      await opened.close();
    }
  };
  const look = (options: StoreOptions, run: (store: FleetStorePort, io: CommandIo) => Promise<ExitCode>) =>
    withStore(options, run, "look");
  const begin = (options: StoreOptions, run: (store: FleetStorePort, io: CommandIo) => Promise<ExitCode>) =>
    withStore(options, run, "begin");
  return {
    publish: (file, options) =>
      begin(options, async (store, io) => {
        const { fleetPublish } = await import("../cli/fleet-publish.ts");
        return fleetPublish(file, options, io, { ...(await verifying()), ...(await caller()), store });
      }),
    status: (nodes, options) =>
      look(options, async (store, io) => {
        const { fleetStatus } = await import("../cli/fleet-status.ts");
        return fleetStatus(nodes, options, io, { store, ...(await hashing()) });
      }),
    rolloutStart: (file, options) =>
      withStore(options, async (store, io) => {
        const { fleetRolloutStart } = await import("../cli/fleet-rollout-start.ts");
        const deps = { ...(await verifying()), ...(await caller()), onInterrupt, store };
        return fleetRolloutStart(file, options, io, deps);
      }),
    rolloutStatus: (id, options) =>
      look(options, async (store, io) => {
        const { fleetRolloutStatus } = await import("../cli/fleet-rollout-status.ts");
        return fleetRolloutStatus(id, options, io, { store, onInterrupt, ...(await hashing()) });
      }),
    rolloutCommand: (verb, id, options) =>
      withStore(options, async (store, io) => {
        const { fleetRolloutCommand } = await import("../cli/fleet-rollout-command.ts");
        return fleetRolloutCommand(verb, id, options, io, { store, ...(await caller()) });
      }),
    channelList: (options) =>
      look(options, async (store, io) => {
        const { fleetChannelList } = await import("../cli/fleet-channel.ts");
        return fleetChannelList(io, store);
      }),
    channelSet: (name, options) =>
      begin(options, async (store, io) => {
        const { fleetChannelSet } = await import("../cli/fleet-channel.ts");
        return fleetChannelSet(name, options, io, store);
      }),
    channelRemove: (name, options) =>
      withStore(options, async (store, io) => {
        const { fleetChannelRemove } = await import("../cli/fleet-channel.ts");
        return fleetChannelRemove(name, io, store);
      }),
    overrideSet: (nodes, options) =>
      withStore(options, async (store, io) => {
        const { fleetOverrideSet } = await import("../cli/fleet-override.ts");
        return fleetOverrideSet(nodes, options, io, { store, ...(await caller()), ...(await hashing()) });
      }),
    overrideClear: (nodes, options) =>
      withStore(options, async (store, io) => {
        const { fleetOverrideClear } = await import("../cli/fleet-override.ts");
        return fleetOverrideClear(nodes, io, store);
      }),
    overrideList: (options) =>
      look(options, async (store, io) => {
        const { fleetOverrideList } = await import("../cli/fleet-override.ts");
        return fleetOverrideList(io, store);
      }),
    inventoryList: (options) =>
      look(options, async (store, io) => {
        const { fleetInventoryList } = await import("../cli/fleet-inventory.ts");
        return fleetInventoryList(io, store);
      }),
    inventorySet: (words, options) =>
      begin(options, async (store, io) => {
        const { fleetInventorySet } = await import("../cli/fleet-inventory.ts");
        return fleetInventorySet(words, io, store);
      }),
    inventoryImport: (file, options) =>
      begin(options, async (store, io) => {
        const { fleetInventoryImport } = await import("../cli/fleet-inventory.ts");
        return fleetInventoryImport(file, options, io, { ...(await verifying()), store });
      }),
    inventoryRemove: (nodes, options) =>
      withStore(options, async (store, io) => {
        const { fleetInventoryRemove } = await import("../cli/fleet-inventory.ts");
        return fleetInventoryRemove(nodes, io, store);
      }),
  };
}

interface OpenedStore {
  readonly port: FleetStorePort;
  close(): Promise<void>;
}

/** Undefined when it is not said right where the fleet is, which has then been told. */
async function openStore(
  options: StoreOptions,
  io: CommandIo,
  mayCreate: boolean,
): Promise<OpenedStore | undefined> {
  const [{ loadFeedConfig }, { openFleetStore }, { openFleetEngine }, { createClock }] = await Promise.all([
    import("./load-feed-config.ts"),
    import("./open-fleet-store.ts"),
    import("./open-fleet-engine.ts"),
    import("../host/clock.ts"),
  ]);
  const loaded = await loadFeedConfig(options);
  if (!loaded.ok) {
    for (const issue of loaded.issues) io.stderr(`${formatIssue(issue)}\n`);
    return undefined;
  }
  const { uptimeMs } = createClock();
  const onNotice = (notice: EngineNotice): void => {
    if (notice.kind === "old-version") io.stderr(`mirrorlet: warning: ${notice.message}\n`);
  };
  const engine = await openFleetEngine(loaded.config, { root: options.root, mayCreate, uptimeMs, onNotice });
  if (typeof engine === "string") {
    io.stderr(`mirrorlet: ${engine}\n`);
    return undefined;
  }
  const { fleet } = loaded.config;
  const port = openFleetStore({ engine, fleet }, { uptimeMs, random: Math.random, nowMs: Date.now });
  return { port, close: () => engine.close() };
}

async function caller() {
  const { callerName } = await import("./caller-name.ts");
  return { user: callerName(process.env), nowMs: Date.now };
}

async function hashing() {
  const { sha256 } = await import("../host/sha256.ts");
  return { sha256 };
}

async function verifying() {
  const { verifyDeps } = await import("./compose-fleet.ts");
  return verifyDeps;
}
