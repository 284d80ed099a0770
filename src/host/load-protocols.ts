import { join } from "node:path";
import type { Options, PackageDefinition } from "@grpc/proto-loader";

type Loader = Pick<typeof import("@grpc/proto-loader"), "load" | "fromJSON">;

/** How messages look to the code: absent fields have their defaults, 64-bit integers are numbers. */
export const PROTOCOL_OPTIONS: Options = { defaults: true, longs: Number };

// Found from src/host and from dist/host alike.
const directory = join(import.meta.dirname, "../../proto");

export const PROTOCOL_FILES: readonly string[] = [
  "cri",
  "introspection",
  "events",
  "images",
  "content",
  "containers",
].map((name) => join(directory, `${name}.proto`));

/** The protocols that are spoken to containerd. In the package they are part of the program and not read from files. */
export function loadProtocols(loader: Loader): Promise<PackageDefinition> {
  return loader.load([...PROTOCOL_FILES], PROTOCOL_OPTIONS);
}
