import type { BundleDeps } from "./bundle-commands.ts";
import { bundleJson } from "./bundle-json.ts";
import { countBad, listText } from "./bundle-text.ts";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";
import { openSources } from "./open-sources.ts";

/**
 * `bundle ls SOURCE…`: the images of bundles. 1 where something is missing of one, 65 for what is no bundle or broken, 2 for
 * what cannot be read.
 */
export async function bundleLs(
  sources: readonly string[],
  io: CommandIo,
  deps: BundleDeps,
): Promise<ExitCode> {
  const opened = await openSources("reading", sources, deps.open, io, deps);
  if (io.json)
    printJson(io, "bundle-ls", {
      bundles: opened.map((one) =>
        one.ok
          ? bundleJson(one.source, one.found)
          : { source: one.source, error: { code: one.error.code, message: one.error.message } },
      ),
    });
  else
    for (const [at, one] of opened.entries()) {
      if (opened.length > 1) io.stdout(`${at === 0 ? "" : "\n"}${one.source}:\n`);
      if (one.ok) io.stdout(listText(one.found, io));
    }
  const failed = opened.filter((one) => !one.ok);
  if (failed.length === 0) return opened.some((one) => one.ok && countBad(one.found) > 0) ? 1 : 0;
  return failed.some(({ error }) => error.code !== "unreadable") ? 65 : 2;
}
