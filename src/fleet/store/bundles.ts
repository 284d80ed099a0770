import type { CallOptions } from "../engine/engine.ts";
import type { FleetStore } from "./fleet-store.ts";
import { bundleKey, bundlesPrefix } from "./record-name.ts";

/**
 * Keeps a signed envelope below the digest of its payload, for ever. `same`: it is there already. `other`: one with the
 * same payload and other bytes is, for example with other signatures; that one stays. Rejects with EngineError.
 */
export async function putBundle(
  { engine, fleet }: FleetStore,
  digest: string,
  envelope: Uint8Array,
): Promise<"stored" | "same" | "other"> {
  const key = bundleKey(fleet, digest);
  const { succeeded, gets } = await engine.txn({
    compare: [{ key, createRevision: 0 }],
    success: [{ kind: "put", key, value: envelope }],
    failure: [{ kind: "get", key }],
  });
  if (succeeded) return "stored";
  return Buffer.compare(gets[0]?.value ?? Buffer.of(), envelope) === 0 ? "same" : "other";
}

/** The envelope as it was published; who uses it verifies it. Undefined: there is none. */
export async function getBundle(
  { engine, fleet }: FleetStore,
  digest: string,
  options?: CallOptions,
): Promise<Uint8Array | undefined> {
  const { gets } = await engine.txn({ success: [{ kind: "get", key: bundleKey(fleet, digest) }] }, options);
  return gets[0]?.value;
}

/** All envelopes by digest. Large: for commands of people. */
export async function listBundles({ engine, fleet }: FleetStore): Promise<ReadonlyMap<string, Uint8Array>> {
  const prefix = bundlesPrefix(fleet);
  const { entries } = await engine.list(prefix);
  return new Map(entries.map(({ key, value }) => [key.slice(prefix.length), value]));
}

/** The same payload with more signatures takes the place of an envelope. False: another one is there by now. */
export async function replaceBundle(
  { engine, fleet }: FleetStore,
  digest: string,
  before: Uint8Array,
  envelope: Uint8Array,
): Promise<boolean> {
  const key = bundleKey(fleet, digest);
  const { succeeded } = await engine.txn({
    compare: [{ key, value: before }],
    success: [{ kind: "put", key, value: envelope }],
  });
  return succeeded;
}
