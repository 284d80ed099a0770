import type { Writable } from "node:stream";
import * as zlib from "node:zlib";
import { BundleError } from "../../core/bundle/bundle-error.ts";
import type { Compression } from "../../core/bundle/scan.ts";
import { type Filter, FilterError, startFilter } from "../start-filter.ts";

/** A decompressor, beside us or in one of libuv's threads. `finished` rejects with BundleError when the input is damaged. */
type Decoder = Filter;

/** How a compressed source is read. */
interface DecodeOptions {
  /** What messages call it. */
  readonly name: string;
  /** Read the source to its end even when it is damaged or nobody wants the rest. */
  readonly mustDrain: boolean;
}

/** Decompresses what comes, as fast as `consume` takes it. Throws BundleError when it is damaged. */
export async function decodeStream<T>(
  compression: Compression,
  source: AsyncIterable<Uint8Array>,
  { name, mustDrain }: DecodeOptions,
  consume: (decoded: AsyncIterator<Uint8Array>) => Promise<T>,
): Promise<T> {
  const decoder = startDecoder(compression, name);
  const verdict = decoder.finished.then(
    () => undefined,
    (why: unknown) => why,
  );
  const feeding = { isOver: false };
  const broken: { error?: unknown } = {};
  const fed = feed(source, decoder, feeding, mustDrain).catch((error: unknown) => {
    // The source cannot be read on: the decoder would wait for the rest.
    broken.error = error;
    decoder.stop();
  });
  const { output } = decoder;
  const decoded = output.iterator({ destroyOnReturn: false }) as AsyncIterator<Uint8Array>;
  try {
    const result = await consume(decoded);
    while ((await decoded.next()).done !== true);
    await decoder.finished;
    return result;
  } catch (error) {
    if (broken.error !== undefined) throw broken.error;
    // What the decoder says of a damaged file tells more than what was made of the bytes that came out.
    if (error instanceof BundleError && error.code === "damaged") await drain(decoded);
    const own = output.readableEnded || output.errored !== null ? await verdict : undefined;
    throw own instanceof BundleError && error instanceof BundleError
      ? joinDamage(own, error, name)
      : (own ?? error);
  } finally {
    feeding.isOver = true;
    decoder.stop();
    if (mustDrain) await fed; // Else it may wait for a pipe that has nothing to say.
  }
}

/** What the decoder says, and how far it came. */
function joinDamage(own: BundleError, seen: BundleError, name: string): BundleError {
  const start = `${name}, `;
  if (own.code !== "damaged" || seen === own || !seen.message.startsWith(start)) return own;
  return new BundleError(own.code, `${own.message}; ${seen.message.slice(start.length)}`, own);
}

/** Decoders see damage at the end of a block, which is this far at most for those that xz makes by itself. */
const BLOCK_BYTES = 64 * 1024 * 1024;

async function drain(decoded: AsyncIterator<Uint8Array>): Promise<void> {
  try {
    for (let left = BLOCK_BYTES; left > 0; ) {
      const next = await decoded.next();
      if (next.done === true) return;
      left -= next.value.length;
    }
  } catch {
    // The decoder's own verdict says it.
  }
}

async function feed(
  source: AsyncIterable<Uint8Array>,
  { input, finished }: Decoder,
  feeding: { isOver: boolean },
  mustDrain: boolean,
): Promise<void> {
  const end = () => {
    feeding.isOver = true;
  };
  input.on("error", end);
  const over = finished.then(end, end);
  for await (const chunk of source) {
    if (feeding.isOver && mustDrain) continue;
    if (feeding.isOver) break;
    if (!input.write(chunk)) await Promise.race([over, closedOrDrained(input)]);
  }
  if (!feeding.isOver) input.end();
}

function closedOrDrained(input: Writable): Promise<unknown> {
  return new Promise((resolve) => {
    const settle = () => {
      input.off("drain", settle);
      input.off("close", settle);
      resolve(undefined);
    };
    input.once("drain", settle);
    input.once("close", settle);
  });
}

function startDecoder(compression: Compression, name: string): Decoder {
  switch (compression) {
    case "gzip":
      return inProcess(zlib.createGunzip({ chunkSize: CHUNK }), "gzip", name);
    case "zstd": {
      // Node 20 has none.
      const create = (zlib as { createZstdDecompress?: () => ReturnType<typeof zlib.createGunzip> })
        .createZstdDecompress;
      return create === undefined
        ? startProgram(["zstd", "-dc", "--no-progress"], "zstd", name)
        : inProcess(create(), "zstd", name);
    }
    case "xz":
      // All cores where the file has several blocks; a file of one block may want any amount of memory.
      return startProgram(["xz", "-T0", "-dc", "--memlimit-decompress=1GiB"], "xz-utils", name);
    case "bzip2":
      throw new BundleError(
        "unsupported",
        `${name}: it is compressed by bzip2; pipe it through bzip2 -dc and give - as the source`,
      );
    default:
      return compression satisfies never;
  }
}

const CHUNK = 256 * 1024;

function inProcess(stream: ReturnType<typeof zlib.createGunzip>, format: string, name: string): Decoder {
  const finished = new Promise<void>((resolve, reject) => {
    stream.once("end", resolve);
    stream.once("error", (error) => reject(damaged(name, format, error.message, error)));
    stream.once("close", () => reject(new BundleError("damaged", `${name}: decompressing was ended`)));
  });
  return { input: stream, output: stream, finished, stop: () => void stream.destroy() };
}

function startProgram(command: readonly [string, ...string[]], from: string, name: string): Decoder {
  const [program, ...args] = command;
  const { finished, ...filter } = startFilter(program, args);
  return {
    ...filter,
    finished: finished.catch((error: unknown) => {
      throw error instanceof FilterError ? explain(error, { program, from, name }) : error;
    }),
  };
}

interface Program {
  readonly program: string;
  /** The package that has it. */
  readonly from: string;
  /** Of what it reads. */
  readonly name: string;
}

function explain(error: FilterError, { program, from, name }: Program): BundleError {
  if (error.kind === "failed") {
    const why = error.message.replace(/^(?:xz: |zstd: )?(?:\(stdin\): |\/\*stdin\*\\ : )?/, "");
    return /memory usage limit/i.test(why) ? tooLarge(name) : damaged(name, program, why);
  }
  const message =
    error.kind === "missing"
      ? `${name}: it needs the program ${program}, which is not here; install ${from}`
      : `${name}: ${program} cannot be started: ${error.message}`;
  return new BundleError("unreadable", message, error.cause);
}

function tooLarge(name: string): BundleError {
  const source = name === "standard input" ? "FILE" : name;
  return new BundleError(
    "unsupported",
    `${name}: xz wants more than 1 GiB of memory for it; where there is that much: xz -dc ${source} | mirrorlet push - …`,
  );
}

function damaged(name: string, by: string, why: string, cause?: unknown): BundleError {
  return new BundleError("damaged", `${name}: cannot be decompressed (${by}: ${why})`, cause);
}
