import { plainText } from "../core/plain-text.ts";
import { type BundleProgress, createBundleProgress } from "./bundle-progress.ts";
import { type CommandIo, type ExitCode, INTERRUPTED, printJson } from "./command.ts";
import type { DumpDeps, DumpSession, GatheredDump, WrittenFiles } from "./dump-deps.ts";
import { tellDumpFailures } from "./dump-failures.ts";
import { dumpJson } from "./dump-json.ts";
import { dumpText, type LostImage } from "./dump-text.ts";
import { namesText } from "./names-text.ts";

/** A dump whose options are understood. */
export interface DumpWork {
  readonly names: readonly string[];
  readonly open: (onRetry: (line: string) => void) => DumpSession;
  readonly io: CommandIo;
  readonly deps: DumpDeps;
}

/** Whoever has to begin more often gets too much that is wrong. */
const MOST_BEGINNINGS = 8;

/**
 * Gets images and writes the bundle. The list of what is in it stands first, and what has gone out cannot be taken back:
 * where a blob of some images cannot be had, the bundle is begun anew without these.
 */
export async function writeDump(work: DumpWork & { readonly output: string }): Promise<ExitCode> {
  const { io, deps, output } = work;
  const startMs = deps.now();
  const lost: LostImage[] = [];
  let names = work.names;
  let hasBeenWrong = false;
  for (let beginnings = 1; ; beginnings++) {
    const ended = await writeOnce(names, work);
    if (ended.kind === "over") return ended.code;
    if (ended.kind === "written") {
      const tookMs = deps.now() - startMs;
      const { gathered, written } = ended;
      if (io.json) printJson(io, "dump", { ...dumpJson(gathered), ...written, failed: lost, tookMs });
      else
        (output === "-" ? io.stderr : io.stdout)(
          dumpText(gathered, written, { tookMs, columns: io.columns, lost }),
        );
      return lost.length === 0 ? 0 : 1;
    }
    const { reason, wasRightThen } = ended;
    const say = (text: string): void => io.stderr(`mirrorlet: ${plainText(text)}\n`);
    const isLasting = !wasRightThen || hasBeenWrong;
    hasBeenWrong ||= wasRightThen;
    const gone = isLasting ? ended.images : [];
    say(gone.length === 0 ? `${reason}; asked again, it was right` : `${namesText(gone)}: ${reason}`);
    lost.push(...gone.map((name) => ({ name, reason })));
    names = names.filter((name) => !gone.includes(name));
    if (output === "-" || names.length === 0 || beginnings === MOST_BEGINNINGS) {
      const why =
        beginnings === MOST_BEGINNINGS ? `, after ${beginnings} beginnings: mend the registry first` : "";
      say(output === "-" ? "what went to standard output is no whole bundle" : `no bundle was made${why}`);
      return 1;
    }
    say(
      `the bundle is begun anew${gone.length === 0 ? "" : ` without ${gone.length === 1 ? "it" : "them"}`}`,
    );
  }
}

type Ended =
  | { readonly kind: "over"; readonly code: ExitCode }
  | { readonly kind: "written"; readonly gathered: GatheredDump; readonly written: WrittenFiles }
  | {
      readonly kind: "lost";
      readonly images: readonly string[];
      readonly reason: string;
      readonly wasRightThen: boolean;
    };

async function writeOnce(
  names: readonly string[],
  { open, output, io, deps }: DumpWork & { readonly output: string },
): Promise<Ended> {
  let progress: BundleProgress | undefined;
  const session = open((line) => progress?.tellWait(line));
  let gathered: GatheredDump | undefined;
  try {
    progress = createBundleProgress("looking up", "images", io.stderr, deps);
    gathered = await session.plan(names, progress.count).finally(progress.end);
    if (gathered.failures.length > 0) {
      const code = tellDumpFailures(gathered.failures, io, deps);
      io.stderr("mirrorlet: no bundle was made\n");
      return { kind: "over", code };
    }
    progress = createBundleProgress("dumping to", output, io.stderr, deps);
    const written = await session.write(gathered, progress.note).finally(progress.end);
    return { kind: "written", gathered, written };
  } catch (error) {
    const reason = deps.explain(error);
    const blob = deps.lostBlob(error);
    if (blob !== undefined && gathered !== undefined) {
      const images = gathered.images.filter(({ blobs }) => blobs.has(blob.digest)).map(({ name }) => name);
      return { kind: "lost", images, reason, wasRightThen: blob.wasRightThen };
    }
    io.stderr(`mirrorlet: ${plainText(reason)}\nmirrorlet: no bundle was made\n`);
    const interrupt = session.interrupt();
    const code = interrupt === undefined ? undefined : INTERRUPTED[interrupt];
    return { kind: "over", code: code ?? (deps.isUnreachable(error) ? 2 : 1) };
  } finally {
    session.close();
  }
}
