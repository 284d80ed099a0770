import { join } from "node:path";
import { load, type Options, type PackageDefinition } from "@grpc/proto-loader";

/** Found from src/fleet/engine/etcd and from dist/fleet/engine/etcd alike. */
export const ETCD_PROTOCOL_FILE = join(import.meta.dirname, "../../../../proto/etcd.proto");

/** Absent fields have their defaults, 64-bit integers are numbers: revisions stay far below 2^53. */
const OPTIONS: Options = { defaults: true, longs: Number, enums: String };

/** In the package the protocol is part of the program and not read from a file. */
export function readEtcdProtocol(): Promise<PackageDefinition> {
  return load(ETCD_PROTOCOL_FILE, OPTIONS);
}
