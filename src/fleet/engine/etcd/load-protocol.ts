import { join } from "node:path";
import type { MethodDefinition } from "@grpc/grpc-js";
import { load, type Options } from "@grpc/proto-loader";

export type Method = MethodDefinition<object, object>;

/** Found from src/fleet/engine/etcd and from dist/fleet/engine/etcd alike. */
const ETCD_PROTOCOL_FILE = join(import.meta.dirname, "../../../../proto/etcd.proto");

/** Absent fields have their defaults, 64-bit integers are numbers: revisions stay far below 2^53. */
const OPTIONS: Options = { defaults: true, longs: Number, enums: String };

/** etcd's methods by name, `etcdserverpb.KV/Range`. */
export async function loadEtcdProtocol(): Promise<ReadonlyMap<string, Method>> {
  const methods = new Map<string, Method>();
  for (const entry of Object.values(await load(ETCD_PROTOCOL_FILE, OPTIONS))) {
    if ("format" in entry) continue;
    for (const method of Object.values(entry)) methods.set(method.path.slice(1), method as Method);
  }
  return methods;
}
