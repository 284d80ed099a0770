import { readFileSync } from "node:fs";
import type { Engine, EngineNotice } from "./engine.ts";
import type { EngineAddress } from "./engine-address.ts";
import { createEtcdEngine } from "./etcd/etcd-engine.ts";
import type { EtcdTls } from "./etcd/etcd-options.ts";
import { createJournalEngine } from "./journal/journal-engine.ts";

/** How an etcd is to be asked: files, each read again for every connection. With one of the first three it is asked over TLS. */
export interface EngineAccess {
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly user?: string;
  /** Holds the password; a line end behind it does not count. */
  readonly passwordFile?: string;
}

export interface EngineSetup {
  /** Begins a journal where there is none. */
  readonly mayCreate: boolean;
  /** Milliseconds since the machine started, the same for all processes. */
  readonly uptimeMs: () => number;
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly onNotice?: (notice: EngineNotice) => void;
}

/**
 * Connects with the first call, or makes the directory. Rejects with EngineError, TypeError for what cannot work, and with
 * the system's error for files that cannot be read.
 */
export async function openEngine(
  address: EngineAddress,
  access: EngineAccess,
  { mayCreate, uptimeMs, random, onNotice }: EngineSetup,
): Promise<Engine> {
  if (address.kind === "journal")
    return createJournalEngine({ directory: address.directory, mayCreate, uptimeMs, random });
  const { caFile, certFile, keyFile } = access;
  const isTls = caFile !== undefined || certFile !== undefined || keyFile !== undefined;
  const tls = (): EtcdTls => ({
    ...(caFile !== undefined && { ca: readFileSync(caFile) }),
    ...(certFile !== undefined && { cert: readFileSync(certFile) }),
    ...(keyFile !== undefined && { key: readFileSync(keyFile) }),
  });
  // What cannot be read is told now, and not at some connection.
  if (isTls) tls();
  return createEtcdEngine({
    endpoints: address.hosts.map((host) => `http${isTls ? "s" : ""}://${host}`),
    ...(isTls && { tls }),
    ...readLogin(access),
    nowMs: uptimeMs,
    random,
    ...(onNotice && { onNotice }),
  });
}

function readLogin({ user, passwordFile }: EngineAccess) {
  if (user === undefined) return {};
  if (passwordFile === undefined) throw new TypeError("an etcd user is given, and no file with its password");
  return { login: { user, password: readFileSync(passwordFile, "utf8").replace(/\r?\n$/, "") } };
}
