import type { MethodDefinition } from "@grpc/grpc-js";
import { readEtcdProtocol } from "./read-protocol.ts";

export type Method = MethodDefinition<object, object>;

/** etcd's methods by name, `etcdserverpb.KV/Range`. */
export async function loadEtcdProtocol(): Promise<ReadonlyMap<string, Method>> {
  const methods = new Map<string, Method>();
  for (const entry of Object.values(await readEtcdProtocol())) {
    if ("format" in entry) continue;
    for (const method of Object.values(entry)) methods.set(method.path.slice(1), method as Method);
  }
  return methods;
}
