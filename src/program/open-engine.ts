import { readFileSync } from "node:fs";
import type { FleetAccess } from "../core/feed-config/parse-feed-config.ts";
import type { Engine, EngineNotice } from "../fleet/engine/engine.ts";
import type { EtcdTls } from "../fleet/engine/etcd/etcd-options.ts";

/**
 * The engine that the configuration names. A cluster that is down makes calls fail, not this; rejects with EngineError
 * for a journal that cannot be opened, and with what the file system says of files that cannot be read.
 */
export async function openEngine(
  { engine, etcd }: FleetAccess,
  root: string,
  onNotice?: (notice: EngineNotice) => void,
): Promise<Engine> {
  if (engine.kind === "journal") {
    const { createJournalEngine } = await import("../fleet/engine/journal/journal-engine.ts");
    return createJournalEngine({ directory: `${root}${engine.directory}`, uptimeMs, random: Math.random });
  }
  const { createEtcdEngine } = await import("../fleet/engine/etcd/etcd-engine.ts");
  const read = (path: string): Uint8Array => readFileSync(`${root}${path}`);
  const tls = (): EtcdTls => ({
    ...(etcd.ca !== undefined && { ca: read(etcd.ca) }),
    ...(etcd.cert !== undefined && { cert: read(etcd.cert) }),
    ...(etcd.key !== undefined && { key: read(etcd.key) }),
  });
  const { login } = etcd;
  return createEtcdEngine({
    endpoints: engine.endpoints,
    ...(engine.tls && { tls }),
    ...(login && {
      login: { user: login.user, password: readFileSync(`${root}${login.passwordFile}`, "utf8").trim() },
    }),
    nowMs: () => performance.now(),
    random: Math.random,
    ...(onNotice && { onNotice }),
  });
}

/** The machine's, not this process'. */
function uptimeMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}
