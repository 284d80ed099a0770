import { createHash } from "node:crypto";
import { once } from "node:events";
import type { Writable } from "node:stream";
import type { BundleOutput } from "./bundle-output.ts";
import { unwritable } from "./write-error.ts";

/** Standard output: what has gone out cannot be taken back, so that its end alone tells that it is whole. */
export function createStreamOutput(stream: Writable, name: string): BundleOutput {
  const hash = createHash("sha256");
  let size = 0;
  let failure: Error | undefined;
  stream.on("error", (error) => {
    failure ??= error;
  });
  return {
    async write(chunk) {
      if (failure !== undefined) throw unwritable(name, failure);
      hash.update(chunk);
      size += chunk.length;
      if (stream.write(chunk)) return;
      await once(stream, "drain").catch((error) => {
        throw unwritable(name, error);
      });
    },
    async publish() {
      await new Promise<void>((resolve, reject) =>
        stream.write("", (error) => (error ? reject(unwritable(name, error)) : resolve())),
      );
      return { files: [{ path: name, size, sha256: hash.digest("hex") }], checksums: undefined };
    },
    async abandon() {},
  };
}
