import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import * as zlib from "node:zlib";
import { WriteError } from "./write-error.ts";

/** How a bundle is compressed. */
export type BundleCompression = "none" | "zstd" | "gzip" | "xz";

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

interface Encoder {
  readonly input: Writable;
  readonly output: Readable;
  readonly finished: Promise<void>;
  stop(): void;
}

/** Each takes memory, and networks are no faster than these. */
const MOST_THREADS = 4;

function startEncoder(compression: Exclude<BundleCompression, "none">): Encoder {
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

function inProcess(stream: zlib.Gzip): Encoder {
  return { input: stream, output: stream, finished: Promise.resolve(), stop: () => void stream.destroy() };
}

function startProgram([program = "", ...args]: readonly string[], from: string): Encoder {
  const child = spawn(program, args, {
    stdio: ["pipe", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], LC_ALL: "C" },
  });
  let words = "";
  child.stderr.on("data", (chunk: Buffer) => {
    if (words.length < 1_000) words += chunk.toString();
  });
  const finished = new Promise<void>((resolve, reject) => {
    child.once("error", (error: NodeJS.ErrnoException) =>
      reject(
        new WriteError(
          error.code === "ENOENT"
            ? `the program ${program}, which compresses the bundle, is not here: install ${from}, or choose another --compression`
            : `${program} cannot be started: ${error.message}`,
          { cause: error },
        ),
      ),
    );
    child.once("close", (status, signal) => {
      if (status === 0) return resolve();
      const why =
        words.trim().split("\n")[0] || (signal === null ? `exit code ${status}` : `ended by ${signal}`);
      reject(new WriteError(`${program} has failed: ${why}`));
    });
  });
  return { input: child.stdin, output: child.stdout, finished, stop: () => void child.kill("SIGKILL") };
}
