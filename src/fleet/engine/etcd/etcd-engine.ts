import type { CallOptions, Engine } from "../engine.ts";
import { checkKey, checkTtl, checkTxn, ENGINE_LIMITS } from "../engine-limits.ts";
import { describeOldVersion } from "./check-version.ts";
import type { Connection } from "./endpoints.ts";
import { createEtcdLink, type EtcdLink } from "./etcd-link.ts";
import { checkEtcdOptions, type EtcdOptions } from "./etcd-options.ts";
import { holdLease } from "./hold-lease.ts";
import { invoke } from "./invoke.ts";
import { listPrefix } from "./list-prefix.ts";
import { loadEtcdProtocol } from "./load-protocol.ts";
import { provesFresh, runTxn } from "./run-txn.ts";
import { watchPrefix } from "./watch-prefix.ts";

/**
 * An etcd cluster, 3.5 or later. Connects at the first call: a cluster that is down makes calls fail, not this. Throws
 * TypeError for options that cannot work.
 */
export async function createEtcdEngine(options: EtcdOptions): Promise<Engine> {
  checkEtcdOptions(options);
  const looked = new Set<string>();
  const link: EtcdLink = createEtcdLink(options, await loadEtcdProtocol(), (connection) => {
    if (looked.has(connection.endpoint)) return;
    looked.add(connection.endpoint);
    void lookAtVersion(link, connection, options);
  });
  let freshMs = Number.NEGATIVE_INFINITY;
  // Reads are linearizable: the answer is no older than the question.
  const provingFresh = async <T>(
    ask: () => Promise<T>,
    proves: (answer: T) => boolean = () => true,
  ): Promise<T> => {
    const asked = options.nowMs();
    const answer = await ask();
    if (proves(answer)) freshMs = Math.max(freshMs, asked);
    return answer;
  };
  return {
    async list(prefix, call) {
      checkKey(prefix);
      return provingFresh(() => listPrefix(link, prefix, call));
    },
    async watch(prefix, watch) {
      checkKey(prefix);
      return watchPrefix(link, options, prefix, watch);
    },
    async txn(txn, call) {
      checkTxn(txn);
      return provingFresh(
        () => runTxn(link, txn, call),
        (result) => provesFresh(txn, result),
      );
    },
    async lease(ttlMs: number, call: CallOptions = {}) {
      checkTtl(ttlMs);
      return holdLease(link, options, ttlMs, call);
    },
    ageMs: () => options.nowMs() - freshMs,
    async close() {
      link.close();
    },
  };
}

async function lookAtVersion(
  link: EtcdLink,
  connection: Connection,
  { onNotice }: EtcdOptions,
): Promise<void> {
  try {
    const metadata = await link.metadataFor(connection, link.closed);
    const method = link.method("Maintenance/Status");
    const timeoutMs = ENGINE_LIMITS.callTimeoutMs;
    const once = { connection, method, metadata, timeoutMs, signal: link.closed, changes: false };
    const { version } = await invoke<{ version: string }>({}, once);
    const message = describeOldVersion(version);
    if (message !== undefined)
      onNotice?.({ kind: "old-version", endpoint: connection.endpoint, version, message });
  } catch {
    // Only a hint: calls tell what is wrong with the member.
  }
}
