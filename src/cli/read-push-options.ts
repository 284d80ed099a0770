import { groupSources } from "../core/bundle/group-sources.ts";
import { parseByteSize } from "../core/bundle/push/format-amount.ts";
import { type PushTarget, parsePushTarget } from "../core/bundle/push/push-target.ts";
import type { PushOptions } from "./push-commands.ts";
import { type LoginWish, readLogin } from "./read-login.ts";

/** What is wanted of a push, understood. */
export interface PushWish {
  readonly sources: readonly string[];
  readonly target: PushTarget;
  readonly threads: number;
  readonly chunkBytes: number | undefined;
  readonly login: LoginWish;
}

export type PushWishResult =
  | { readonly ok: true; readonly wish: PushWish }
  | { readonly ok: false; readonly message: string };

/** Understands the options of `push`; a message where they make no sense together. */
export function readPushOptions(given: readonly string[], options: PushOptions): PushWishResult {
  const refuse = (message: string): PushWishResult => ({ ok: false, message });
  const { source = [], images } = options;
  const sources = groupSources([...given, ...source, ...(images === undefined ? [] : [images])]);
  if (sources.length === 0)
    return refuse(
      "which bundle? Name an archive, an unpacked folder, an OCI layout, or - for standard input",
    );
  const { to = options.privateRegistry, privateRegistry = to } = options;
  if (to === undefined) return refuse("to which registry? --to HOST:PORT or --to HOST:PORT/NAMESPACE");
  if (to !== privateRegistry) return refuse("--to and --private-registry name different registries");
  const target = parsePushTarget(to, options.plainHttp === true);
  if (!target.ok) return target;
  const threads = readThreads(options.threads);
  if (threads === undefined) return refuse(THREADS);
  const chunkBytes = options.chunkSize === undefined ? undefined : parseByteSize(options.chunkSize);
  if (options.chunkSize !== undefined && (chunkBytes === undefined || chunkBytes < 64 * 1024))
    return refuse("--chunk-size takes a size of 64KiB or more, such as 16MiB");
  const login = readLogin(options, sources.includes("-") ? "a bundle" : undefined);
  if (typeof login === "string") return refuse(login);
  return { ok: true, wish: { sources, target: target.target, threads, chunkBytes, login } };
}

export const THREADS = "--threads takes a number from 1 to 64";

/** Undefined: it is none. */
export function readThreads(text: string): number | undefined {
  const threads = Number(text);
  return /^\d{1,2}$/.test(text) && threads >= 1 && threads <= 64 ? threads : undefined;
}
