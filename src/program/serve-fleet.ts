import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { Registry } from "prom-client";
import { HostError, type Log } from "../agent/ports.ts";
import type { CommandIo, ExitCode } from "../cli/command.ts";
import { readVersion } from "../cli/read-version.ts";
import { type HostPort, parseHostPort } from "../core/agent-config/listen-address.ts";
import type { FeedConfig } from "../core/feed-config/parse-feed-config.ts";
import { listenHttp } from "../edge/http-server.ts";
import { registerProcessMetrics } from "../edge/process-metrics.ts";
import { createServiceNotifier } from "../edge/sd-notify.ts";
import type { Controller } from "../fleet/controller/start-controller.ts";
import type { Engine } from "../fleet/engine/engine.ts";
import { registerFleetMetrics } from "../fleet/metrics/register-fleet-metrics.ts";
import type { FeedEvent } from "../fleet/server/feed-events.ts";
import { registerFeedMetrics } from "../fleet/server/feed-metrics.ts";
import { type FeedServer, startFeedServer } from "../fleet/server/feed-server.ts";
import { FEED_TIMES } from "../fleet/server/feed-times.ts";
import {
  type FeedFiles,
  keepFilesCurrent,
  type LoadedFiles,
  loadFeedFiles,
} from "../fleet/server/keep-files-current.ts";
import { readStateEnds } from "../fleet/store/state-ends.ts";
import { sha256 } from "../host/sha256.ts";
import { loadFeedService } from "../shared/feed/load-feed-service.ts";
import { feedRoutes } from "./feed-routes.ts";
import { logFeed } from "./log-feed.ts";
import { runController } from "./run-controller.ts";

export interface ServeSetup {
  readonly config: FeedConfig;
  readonly root: string;
  readonly log: Log;
  readonly engine: Engine;
}

const FILES_MS = 5_000;
const DRAIN_MS = 20_000;
const uptimeMs = (): number => performance.now();

/**
 * Serves a fleet until SIGTERM or SIGINT: then all nodes are sent to other servers, spread, before it ends; a second
 * signal ends at once. SIGHUP looks at certificates and the denied list at once. Files or addresses that cannot be used at
 * the start are 78; an engine that cannot be reached is waited for.
 */
export async function serveFleet(setup: ServeSetup, io: CommandIo): Promise<ExitCode> {
  const { feed } = setup.config;
  const fail = (message: string): ExitCode => {
    io.stderr(`mirrorlet: ${message}\n`);
    return 78;
  };
  const listen = parseHostPort(feed.address);
  if (listen === undefined) return fail(`feed.address: ${feed.address} is not host:port`);
  const paths = pathsOf(setup);
  const loaded = await loadFeedFiles(paths);
  if (!loaded.ok) return fail(loaded.message);
  try {
    return await serveUntilSignal(setup, listen, paths, loaded);
  } catch (error) {
    if (error instanceof HostError) return fail(error.message);
    const { syscall, code } = error as NodeJS.ErrnoException;
    if (syscall !== "listen" && syscall !== "getaddrinfo" && syscall !== "bind") throw error;
    return fail(`cannot listen on ${feed.address} (${code}); set feed.address to another address`);
  }
}

function pathsOf({ config: { feed }, root }: ServeSetup): FeedFiles {
  const { ca, cert, key, denied } = feed;
  return { ca: root + ca, cert: root + cert, key: root + key, denied: root + denied };
}

async function serveUntilSignal(
  setup: ServeSetup,
  listen: HostPort,
  paths: FeedFiles,
  loaded: LoadedFiles,
): Promise<ExitCode> {
  const { config, log, engine } = setup;
  const stopping = listenForSignals();
  let { certificates, denied } = loaded;
  let server: FeedServer | undefined;
  let controller: Controller | undefined;
  const facts = () => server?.facts();
  const registry = new Registry();
  registerProcessMetrics(registry);
  const ends = () => ({ cert: certificates.certEndsMs, ca: certificates.caEndsMs });
  const metrics = registerFeedMetrics(registry, { facts, ends });
  const version = readVersion();
  const routes = feedRoutes({ registry, facts, certEndsMs: () => ends().cert, version, fleet: config.fleet });
  const listeners = await listenHttp({ ...config.http, metricsAddress: undefined, routes, log });
  const notifier = createServiceNotifier(process.env, log, async () => true);
  const files = keepFilesCurrent({
    paths,
    loaded,
    everyMs: FILES_MS,
    onCertificates(next) {
      certificates = next;
      server?.useCertificates(next);
      log.info({ ends: new Date(next.certEndsMs).toISOString() }, "the certificates were exchanged");
    },
    onDenied(next) {
      denied = next;
      server?.useDenied(next);
      log.info({ nodes: next.nodes.size, serials: next.serials.size }, "the denied list was read again");
    },
    onRefused: (message) => log.error({}, message),
  });
  process.on("SIGHUP", () => void files.look());
  const tell = logFeed(log, uptimeMs);
  const onEvent = (event: FeedEvent): void => {
    metrics.count(event);
    tell(event);
  };
  try {
    const starting = startFeedServer({
      ...serverOptions(setup, listen, version),
      service: await loadFeedService(),
      certificates,
      denied,
      onEvent,
    });
    log.info(
      { fleet: config.fleet, engine: config.engine, http: listeners.address },
      "reading the fleet's records",
    );
    server = await Promise.race([starting, stopping.then(() => undefined)]);
    if (server === undefined) return 0;
    // What has come meanwhile.
    server.useCertificates(certificates);
    server.useDenied(denied);
    const { followed, port } = server;
    if (config.controller) {
      const store = { engine, fleet: config.fleet };
      controller = runController({ store, followed, uptimeMs, version, log });
    }
    const status = controller?.status;
    registerFleetMetrics(registry, {
      followed,
      ...(status && { controller: status }),
      nowMs: Date.now,
      uptimeMs,
      sha256,
      endOf: readStateEnds({ engine, fleet: config.fleet }, uptimeMs).of,
    });
    log.info({ address: `${listen.host}:${port}`, controller: config.controller }, "serving the fleet");
    await notifier.ready();
    const signal = await stopping;
    log.info({ signal }, "stopping: nodes are sent to other servers");
    await notifier.stopping();
    await controller?.stop();
    await server.drain(DRAIN_MS);
    return 0;
  } finally {
    files.close();
    await server?.close();
    await listeners.close();
    await engine.close();
    await notifier.close();
  }
}

function serverOptions({ config, engine }: ServeSetup, listen: HostPort, version: string) {
  const { trustDomain, maxStreams, handshakesPerSecond } = config.feed;
  return {
    store: { engine, fleet: config.fleet },
    listen,
    trustDomain,
    maxStreams,
    handshakesPerSecond,
    version,
    host: hostname(),
    times: FEED_TIMES,
    nowMs: Date.now,
    uptimeMs,
    random: Math.random,
    randomHex: (bytes: number) => randomBytes(bytes).toString("hex"),
    sha256,
  };
}

/** The first one; another one ends the process. */
async function listenForSignals(): Promise<NodeJS.Signals> {
  const signal = await new Promise<NodeJS.Signals>((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
  });
  for (const again of ["SIGTERM", "SIGINT"] as const) process.once(again, () => process.exit(1));
  return signal;
}
