import { BundleError } from "../core/bundle/bundle-error.ts";
import { groupSources } from "../core/bundle/group-sources.ts";
import { plainText } from "../core/plain-text.ts";
import type { BundleDeps, FoundBundle } from "./bundle-commands.ts";
import { createBundleProgress } from "./bundle-progress.ts";
import type { CommandIo } from "./command.ts";

/** What became of a source. */
export type OpenedSource =
  | { readonly ok: true; readonly source: string; readonly found: FoundBundle }
  | { readonly ok: false; readonly source: string; readonly error: BundleError };

/** Reads one source after the other; what cannot be read is told on stderr, and the next one is read all the same. */
export async function openSources(
  verb: string,
  sources: readonly string[],
  read: BundleDeps["open"],
  io: CommandIo,
  deps: BundleDeps,
): Promise<readonly OpenedSource[]> {
  const opened: OpenedSource[] = [];
  for (const source of groupSources(sources)) {
    const progress = createBundleProgress(verb, source, io.stderr, deps);
    try {
      opened.push({ ok: true, source, found: await read(source, progress.note) });
      progress.end();
    } catch (error) {
      progress.end();
      if (!(error instanceof BundleError)) throw error;
      opened.push({ ok: false, source, error });
      io.stderr(`mirrorlet: ${plainText(error.message)}\n`);
    }
  }
  return opened;
}
