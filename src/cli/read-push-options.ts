import { parseByteSize } from "../core/bundle/push/format-amount.ts";
import { type PushTarget, parsePushTarget } from "../core/bundle/push/push-target.ts";
import type { PushOptions } from "./push-commands.ts";

/** What is wanted of a push, understood. */
export interface PushWish {
  readonly sources: readonly string[];
  readonly target: PushTarget;
  readonly threads: number;
  readonly chunkBytes: number | undefined;
  readonly login: LoginWish;
}

/** stored: what docker's and podman's files have · none: never any · given: a name, and where its password is. */
export type LoginWish =
  | { readonly kind: "stored" }
  | { readonly kind: "none" }
  | { readonly kind: "given"; readonly username: string; readonly password: string | "stdin" | "ask" };

export type PushWishResult =
  | { readonly ok: true; readonly wish: PushWish }
  | { readonly ok: false; readonly message: string };

/** Understands the options of `push`; a message where they make no sense together. */
export function readPushOptions(given: readonly string[], options: PushOptions): PushWishResult {
  const refuse = (message: string): PushWishResult => ({ ok: false, message });
  const { source = [], images } = options;
  const sources = [...given, ...source, ...(images === undefined ? [] : [images])];
  if (sources.length === 0)
    return refuse(
      "which bundle? Name an archive, an unpacked folder, an OCI layout, or - for standard input",
    );
  const { to = options.privateRegistry, privateRegistry = to } = options;
  if (to === undefined) return refuse("to which registry? --to HOST:PORT or --to HOST:PORT/NAMESPACE");
  if (to !== privateRegistry) return refuse("--to and --private-registry name different registries");
  const target = parsePushTarget(to, options.plainHttp === true);
  if (!target.ok) return target;
  const threads = Number(options.threads);
  if (!/^\d{1,2}$/.test(options.threads) || threads < 1 || threads > 64)
    return refuse("--threads takes a number from 1 to 64");
  const chunkBytes = options.chunkSize === undefined ? undefined : parseByteSize(options.chunkSize);
  if (options.chunkSize !== undefined && (chunkBytes === undefined || chunkBytes < 64 * 1024))
    return refuse("--chunk-size takes a size of 64KiB or more, such as 16MiB");
  const login = readLogin(sources, options);
  if (typeof login === "string") return refuse(login);
  return { ok: true, wish: { sources, target: target.target, threads, chunkBytes, login } };
}

/** A text says what is wrong. */
function readLogin(sources: readonly string[], options: PushOptions): LoginWish | string {
  const { username, password, passwordStdin = false, needCredential, registryCredential = true } = options;
  if (needCredential !== undefined && !["true", "false", true].includes(needCredential))
    return "--need-credential takes true or false";
  const never = needCredential === "false" || !registryCredential;
  const isGiven = username !== undefined || password !== undefined || passwordStdin;
  if (never && isGiven) return "a login is given, and never to be sent: which of the two is meant?";
  if (never) return { kind: "none" };
  if (!isGiven) return { kind: "stored" };
  if (username === undefined || username === "") return "a password is given: --username is missing";
  if (username.includes(":")) return "a user name with a colon cannot be sent";
  if (password !== undefined && passwordStdin) return "--password and --password-stdin: which one counts?";
  if (passwordStdin && sources.includes("-"))
    return "standard input is a bundle and cannot be a password too";
  return { kind: "given", username, password: passwordStdin ? "stdin" : (password ?? "ask") };
}
