import type { BundleCompression } from "../core/bundle/dump/bundle-compression.ts";
import type { WantedPlatform } from "../core/bundle/dump/platform.ts";
import { parseByteSize } from "../core/bundle/push/format-amount.ts";
import { type PushTarget, parsePushTarget } from "../core/bundle/push/push-target.ts";
import type { DumpOptions } from "./dump-commands.ts";
import { type LoginWish, readLogin } from "./read-login.ts";
import { readPlatforms } from "./read-platforms.ts";
import { readThreads, THREADS } from "./read-push-options.ts";

/** What is wanted of a dump, understood; but for the names of its images. */
export interface DumpWish {
  /** `-`: standard output. */
  readonly output: string;
  readonly from: PushTarget | undefined;
  readonly platforms: readonly WantedPlatform[];
  readonly compression: BundleCompression;
  readonly splitBytes: number | undefined;
  readonly threads: number;
  readonly login: LoginWish;
}

export type DumpWishResult =
  | { readonly ok: true; readonly wish: DumpWish }
  | { readonly ok: false; readonly message: string };

const LEAST_PART = 1024 * 1024;

/** Understands the options of `dump`; a message where they make no sense together. */
export function readDumpOptions(images: readonly string[], options: DumpOptions): DumpWishResult {
  const refuse = (message: string): DumpWishResult => ({ ok: false, message });
  const { list, splitSize, platform, dryRun = false } = options;
  // Of a bundle that is not written the name does not matter.
  const output = options.output ?? (dryRun ? "bundle" : "");
  if (images.length === 0 && list === undefined)
    return refuse("which images? Name them, or a file with one a line: --list FILE");
  if (output === "") return refuse("where to? -o BUNDLE, or -o - for standard output");
  if (output === "-" && options.json && !dryRun)
    return refuse("standard output is the bundle and cannot be a JSON document too: name a file with -o");
  const from =
    options.from === undefined ? undefined : parsePushTarget(options.from, options.plainHttp === true);
  if (from?.ok === false) return refuse(from.message.replace("what is sent", "what comes"));
  const platforms = readPlatforms(platform);
  if (typeof platforms === "string") return refuse(platforms);
  const compression = readCompression(options.compression, output);
  if (compression === undefined) return refuse(`--compression takes ${Object.keys(ENDINGS).join(", ")}`);
  const splitBytes = splitSize === undefined ? undefined : parseByteSize(splitSize);
  if (splitSize !== undefined && (splitBytes === undefined || splitBytes < LEAST_PART))
    return refuse("--split-size takes a size of 1MiB or more, such as 4G");
  if (splitBytes !== undefined && output === "-")
    return refuse("standard output cannot be split: name a file with -o");
  const threads = readThreads(options.threads);
  if (threads === undefined) return refuse(THREADS);
  const login = readLogin(options, list === "-" ? "the list of images" : undefined);
  if (typeof login === "string") return refuse(login);
  const wish = {
    output,
    from: from?.target,
    platforms,
    compression,
    splitBytes,
    threads,
    login,
  };
  return { ok: true, wish };
}

const ENDINGS: Readonly<Record<BundleCompression, RegExp>> = {
  none: /\.tar$/i,
  zstd: /\.(?:zst|zstd|tzst)$/i,
  gzip: /\.(?:gz|tgz)$/i,
  xz: /\.(?:xz|txz)$/i,
};

/** By the name where nothing else is said, else zstd, which is the fastest to read. */
function readCompression(given: string | undefined, output: string): BundleCompression | undefined {
  const known = Object.keys(ENDINGS) as readonly BundleCompression[];
  if (given !== undefined) return known.find((one) => one === given);
  return known.find((one) => ENDINGS[one].test(output)) ?? "zstd";
}
