import type { Operation, Txn } from "./engine.ts";
import { EngineError } from "./engine-error.ts";

export const ENGINE_LIMITS = {
  /** A signed state of 256 KiB and what is said about it. */
  valueBytes: 300 * 1024,
  keyLength: 512,
  /** Of each of `compare`, `success` and `failure`: etcd's --max-txn-ops. */
  txnOperations: 128,
  /** Of all values of a transaction; etcd takes 1.5 MiB (--max-request-bytes) with all that is around them. */
  txnBytes: 1024 * 1024,
  /** Of all keys and values of a listing: more than sixty thousand nodes with the longest status have room. */
  listBytes: 256 * 1024 * 1024,
  /** etcd rounds up to seconds and may not take less than its election timeout and a half. */
  leaseMs: { least: 2_000, most: 3_600_000 },
  callTimeoutMs: 10_000,
} as const;

/** Throws EngineError `bad-request` for what no engine takes. */
export function checkTxn({ compare = [], success, failure = [] }: Txn): void {
  for (const part of [compare, success, failure])
    if (part.length > ENGINE_LIMITS.txnOperations)
      refuse(`${part.length} operations in one transaction; ${ENGINE_LIMITS.txnOperations} are allowed`);
  for (const { key } of [...compare, ...success, ...failure]) checkKey(key);
  checkChanges(success);
  checkChanges(failure);
  const values = [...compare, ...success, ...failure].flatMap((one) => ("value" in one ? [one] : []));
  for (const { key, value } of values)
    if (value.length > ENGINE_LIMITS.valueBytes)
      refuse(`the value of ${key} has ${value.length} bytes; ${ENGINE_LIMITS.valueBytes} are allowed`);
  const total = values.reduce((sum, { value }) => sum + value.length, 0);
  if (total > ENGINE_LIMITS.txnBytes)
    refuse(`a transaction with ${total} bytes of values; ${ENGINE_LIMITS.txnBytes} are allowed`);
}

export function checkKey(key: string): void {
  if (key.length > ENGINE_LIMITS.keyLength || !/^[\x21-\x7e]+$/.test(key))
    refuse(
      `${JSON.stringify(key.slice(0, 80))} is no key: 1 to ${ENGINE_LIMITS.keyLength} printable ASCII characters`,
    );
}

export function checkTtl(ttlMs: number): void {
  const { least, most } = ENGINE_LIMITS.leaseMs;
  if (!(ttlMs >= least && ttlMs <= most)) refuse(`a lease of ${ttlMs} ms; ${least} to ${most} are allowed`);
}

function checkChanges(operations: readonly Operation[]): void {
  const changed = new Set<string>();
  for (const { kind, key } of operations) {
    if (kind === "get") continue;
    if (changed.has(key)) refuse(`${key} is changed twice in one transaction`);
    changed.add(key);
  }
}

function refuse(message: string): never {
  throw new EngineError("bad-request", message);
}
