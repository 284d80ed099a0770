import type { CallOptions, Compare, Entry, Operation, Txn, TxnResult } from "../engine.ts";
import { EngineError } from "../engine-error.ts";
import type { EtcdLink } from "./etcd-link.ts";
import type { TxnReply } from "./messages.ts";
import { toEntry } from "./to-entry.ts";

export async function runTxn(link: EtcdLink, txn: Txn, options?: CallOptions): Promise<TxnResult> {
  const { compare = [], success, failure = [] } = txn;
  const request = {
    compare: compare.map(toCompare),
    success: success.map(toRequest),
    failure: failure.map(toRequest),
  };
  const changes = [...success, ...failure].some(({ kind }) => kind !== "get");
  const reply = await link.call<TxnReply>("KV/Txn", request, changes ? "change" : "read", options);
  const { succeeded, header } = reply;
  return { succeeded, revision: header.revision, gets: readGets(succeeded ? success : failure, reply) };
}

/** A transaction that has nothing to read or change is answered without asking the other members: it is no proof of anything. */
export function provesFresh({ success, failure = [] }: Txn, { succeeded }: TxnResult): boolean {
  return (succeeded ? success : failure).length > 0;
}

function readGets(done: readonly Operation[], { responses }: TxnReply): readonly (Entry | undefined)[] {
  return done.flatMap(({ kind }, index) => {
    if (kind !== "get") return [];
    const found = responses[index]?.responseRange?.kvs[0];
    return [found === undefined ? undefined : toEntry(found)];
  });
}

function toCompare(compare: Compare): object {
  const key = Buffer.from(compare.key);
  if ("createRevision" in compare) return { key, target: "CREATE", createRevision: compare.createRevision };
  if ("modRevision" in compare) return { key, target: "MOD", modRevision: compare.modRevision };
  return { key, target: "VALUE", value: compare.value };
}

function toRequest(operation: Operation): object {
  const key = Buffer.from(operation.key);
  switch (operation.kind) {
    case "put": {
      const { value, lease } = operation;
      return { requestPut: { key, value, lease: lease === undefined ? 0 : leaseNumber(lease) } };
    }
    case "delete":
      return { requestDeleteRange: { key } };
    case "get":
      return { requestRange: { key } };
  }
}

// Anything else would become 0, which is no lease.
function leaseNumber(lease: string): number {
  if (/^[1-9]\d{0,15}$/.test(lease)) return Number(lease);
  throw new EngineError("lease-lost", `${JSON.stringify(lease)} is no lease of etcd`);
}
