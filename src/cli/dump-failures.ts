import { plainText } from "../core/plain-text.ts";
import type { CommandIo, ExitCode } from "./command.ts";
import type { DumpDeps, GatheredDump } from "./dump-deps.ts";
import { namesText } from "./names-text.ts";

/** Tells of images that cannot be had, each reason once. */
export function tellDumpFailures(
  failures: GatheredDump["failures"],
  io: CommandIo,
  deps: DumpDeps,
): ExitCode {
  const names = new Map<string, string[]>();
  for (const { name, error } of failures) {
    const why = deps.explain(error);
    names.set(why, [...(names.get(why) ?? []), name]);
  }
  for (const [why, which] of names) io.stderr(`mirrorlet: ${plainText(`${namesText(which)}: ${why}`)}\n`);
  return failures.every(({ error }) => deps.isUnreachable(error)) ? 2 : 1;
}
