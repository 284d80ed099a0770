import { plainText } from "../core/plain-text.ts";
import { type BundleProgress, createBundleProgress, type ProgressPlace } from "./bundle-progress.ts";
import { type CommandIo, type ExitCode, INTERRUPTED, printJson } from "./command.ts";
import type { DumpDeps, DumpNews, DumpSession, EndedDump, GatheredDump } from "./dump-deps.ts";
import { tellDumpFailures } from "./dump-failures.ts";
import { dumpJson } from "./dump-json.ts";
import { dumpText } from "./dump-text.ts";
import { namesText } from "./names-text.ts";

/** A dump whose options are understood. */
export interface DumpWork {
  readonly names: readonly string[];
  /** The older bundle; undefined: there is none. */
  readonly since: string | undefined;
  readonly open: (onRetry: (line: string) => void) => DumpSession;
  readonly io: CommandIo;
  readonly deps: DumpDeps;
}

/** Reads the older bundle and looks up the images, and shows how far that has come. Rejects as the session does. */
export async function gatherDump(
  { names, since, io, deps }: Pick<DumpWork, "names" | "since" | "io"> & { readonly deps: ProgressPlace },
  session: Pick<DumpSession, "readOlder" | "plan">,
  show: (progress: BundleProgress) => void,
): Promise<GatheredDump> {
  if (since !== undefined) {
    const progress = createBundleProgress(
      "reading",
      since === "-" ? "standard input" : since,
      io.stderr,
      deps,
    );
    show(progress);
    await session.readOlder(progress.note).finally(progress.end);
  }
  const progress = createBundleProgress("looking up", "images", io.stderr, deps);
  show(progress);
  return session.plan(names, progress.count).finally(progress.end);
}

/** Gets images, writes the bundle and tells what became of each. */
export async function writeDump(work: DumpWork & { readonly output: string }): Promise<ExitCode> {
  const { open, output, io, deps } = work;
  const startMs = deps.now();
  const say = (text: string): void => io.stderr(`mirrorlet: ${plainText(text)}\n`);
  let progress: BundleProgress | undefined;
  const session = open((line) => progress?.tellWait(line));
  const show = (next: BundleProgress): void => {
    progress?.end();
    progress = next;
  };
  try {
    const gathered = await gatherDump(work, session, show);
    if (gathered.failures.length > 0) {
      const code = tellDumpFailures(gathered.failures, io, deps);
      say("no bundle was made");
      return code;
    }
    const begin = (): void => show(createBundleProgress("dumping to", output, io.stderr, deps));
    begin();
    const ended = await session
      .write(gathered, {
        onBytes: (done, total) => progress?.note(done, total),
        onLook(done, total) {
          if (done === 1) show(createBundleProgress("looking for", "what else is missing", io.stderr, deps));
          progress?.count(done, total);
        },
        onNews(news) {
          progress?.end();
          say(newsText(news, deps));
          if (news.kind === "begun-anew") begin();
        },
      })
      .finally(() => progress?.end());
    return tellEnd(ended, deps.now() - startMs, work);
  } catch (error) {
    const hint = deps.isOutage(error) ? ": once that is over, run the same command again" : "";
    say(deps.explain(error));
    say(`no bundle was made${hint}`);
    return codeOfFailure(error, session, deps);
  } finally {
    session.close();
  }
}

export function codeOfFailure(error: unknown, session: DumpSession, deps: DumpDeps): ExitCode {
  const interrupt = session.interrupt();
  if (interrupt !== undefined) return INTERRUPTED[interrupt];
  if (deps.isBundleError(error)) return 65;
  return deps.isUnreachable(error) ? 2 : 1;
}

function tellEnd(
  { planned, written, lost, hasTriedEnough }: EndedDump,
  tookMs: number,
  { output, io, deps }: DumpWork & { readonly output: string },
): ExitCode {
  const failed = lost.map(({ name, why }) => ({ name, reason: deps.explain(why) }));
  if (written === undefined) {
    const why = hasTriedEnough ? ", though it was begun again and again: mend the registry first" : "";
    const words = output === "-" ? "what went to standard output is no whole bundle" : "no bundle was made";
    io.stderr(`mirrorlet: ${words}${why}\n`);
    return 1;
  }
  if (io.json) printJson(io, "dump", { ...dumpJson(planned), ...written, failed, tookMs });
  else
    (output === "-" ? io.stderr : io.stdout)(
      dumpText(planned, written, { tookMs, columns: io.columns, lost: failed }),
    );
  return lost.length === 0 ? 0 : 1;
}

function newsText(news: DumpNews, deps: DumpDeps): string {
  switch (news.kind) {
    case "elsewhere":
      return `${news.why.message}; it is taken from ${news.from} instead`;
    case "lost":
      return `${namesText(news.images)}: ${deps.explain(news.why)}`;
    case "right-then":
      return `${deps.explain(news.why)}; asked again, it was right`;
    case "begun-anew": {
      const { without } = news;
      return `the bundle is begun anew${without === 0 ? "" : ` without ${without === 1 ? "it" : "them"}`}`;
    }
  }
}
