import { plainText } from "../core/plain-text.ts";
import type { CommandIo, ExitCode } from "./command.ts";
import { findLogin, type LoginGiven, loginWarnings } from "./find-login.ts";
import type { PushOptions } from "./push-commands.ts";
import { pushPassing } from "./push-passing.ts";
import type { PushDeps } from "./push-registry.ts";
import { pushResting } from "./push-resting.ts";
import { type PushWish, readPushOptions } from "./read-push-options.ts";
import { showReading } from "./show-reading.ts";

/**
 * `push`: gets the images of bundles to a registry. 0 all are there · 1 some could not be pushed · 2 the registry
 * cannot be reached or lets nobody in, so that nothing was sent · 64 usage · 65 the bundle cannot be pushed · 130, 143 it
 * was interrupted.
 */
export async function push(
  given: readonly string[],
  options: PushOptions,
  io: CommandIo,
  deps: PushDeps,
): Promise<ExitCode> {
  const complain = (message: string, code: ExitCode): ExitCode => {
    io.stderr(`mirrorlet: ${message}\n`);
    return code;
  };
  const read = readPushOptions(given, options);
  if (!read.ok) return complain(`${read.message}\n(mirrorlet push --help shows how it is used)`, 64);
  const { wish } = read;
  for (const warning of loginWarnings(options)) io.stderr(`mirrorlet: ${warning}\n`);
  const unusable = deps.checkFiles(options);
  if (unusable !== undefined) return complain(plainText(unusable), 64);
  const login = await findLogin(wish.login, wish.target.host, deps);
  if (typeof login === "string") return complain(login, 64);
  const all: Push = { wish, options, login, io, deps };
  try {
    const bundles = await showReading(all, (note) => deps.open(wish.sources, note));
    return await (bundles.kind === "resting" ? pushResting(bundles, all) : pushPassing(bundles, all));
  } catch (error) {
    return complain(plainText(deps.explain(error)), 65);
  }
}

/** A push as it is wanted, with what it takes. */
export interface Push {
  readonly wish: PushWish;
  readonly options: PushOptions;
  readonly login: LoginGiven;
  readonly io: CommandIo;
  readonly deps: PushDeps;
}
