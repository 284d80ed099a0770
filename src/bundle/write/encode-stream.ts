import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import * as zlib from "node:zlib";
import type { BundleCompression } from "../../core/bundle/dump/bundle-compression.ts";
import { type Filter, FilterError, startFilter } from "../start-filter.ts";
import { WriteError } from "./write-error.ts";

/** Compresses what comes, as fast as `consume` takes it. What either throws ends both, and is thrown. */
export async function encodeStream(
  compression: BundleCompression,
  source: AsyncIterable<Uint8Array>,
  consume: (encoded: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<void> {
  if (compression === "none") return consume(source);
  const { input, output, finished, stop } = startEncoder(compression);
  const first: { error?: unknown } = {};
  const end = (error: unknown): void => {
    if (!("error" in first)) first.error = error;
    stop();
  };
  await Promise.all([
    pipeline(Readable.from(source, { objectMode: true, highWaterMark: 4 }), input)
      .catch(async (error) => {
        // Why it does not take anything any more, it tells at its end.
        if (isClosed(error)) await finished;
        throw error;
      })
      .catch(end),
    consume(output as AsyncIterable<Uint8Array>).catch(end),
    finished.catch(end),
  ]);
  if ("error" in first) throw first.error;
}

function isClosed(error: unknown): boolean {
  const { code = "" } = error as NodeJS.ErrnoException;
  return ["EPIPE", "ECONNRESET", "ERR_STREAM_DESTROYED", "ERR_STREAM_PREMATURE_CLOSE"].includes(code);
}

/** Each takes memory, and networks are no faster than these. */
const MOST_THREADS = 4;

function startEncoder(compression: Exclude<BundleCompression, "none">): Filter {
  switch (compression) {
    case "gzip":
      // Layers are compressed already: more effort would gain nothing.
      return inProcess(zlib.createGzip({ level: 3, chunkSize: 256 * 1024 }));
    case "zstd": {
      // Node 20 has none; the program is faster than those that have it, where it is installed.
      const create = (zlib as { createZstdCompress?: () => zlib.Gzip }).createZstdCompress;
      if (create !== undefined && !isInstalled("zstd")) return inProcess(create());
      return startProgram(
        ["zstd", "-q", "-3", `-T${Math.min(MOST_THREADS, availableParallelism())}`, "-c"],
        "zstd",
      );
    }
    case "xz":
      // Blocks of their own, so that whoever reads it can use all cores.
      return startProgram(
        ["xz", "-T0", "-6", "-c", "--block-size=24MiB", "--memlimit-compress=2GiB"],
        "xz-utils",
      );
    default:
      return compression satisfies never;
  }
}

function isInstalled(program: string): boolean {
  return (process.env["PATH"] ?? "").split(":").some((folder) => existsSync(join(folder, program)));
}

function inProcess(stream: zlib.Gzip): Filter {
  return { input: stream, output: stream, finished: Promise.resolve(), stop: () => void stream.destroy() };
}

function startProgram(command: readonly [string, ...string[]], from: string): Filter {
  const [program, ...args] = command;
  const { finished, ...filter } = startFilter(program, args);
  return {
    ...filter,
    finished: finished.catch((error: unknown) => {
      throw error instanceof FilterError ? explain(error, program, from) : error;
    }),
  };
}

function explain({ kind, message, cause }: FilterError, program: string, from: string): WriteError {
  if (kind === "failed") return new WriteError(`${program} has failed: ${message}`);
  return new WriteError(
    kind === "missing"
      ? `the program ${program}, which compresses the bundle, is not here: install ${from}, or choose another --compression`
      : `${program} cannot be started: ${message}`,
    { cause },
  );
}
