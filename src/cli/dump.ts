import { readImageList } from "../core/bundle/dump/read-image-list.ts";
import { plainText } from "../core/plain-text.ts";
import { createBundleProgress } from "./bundle-progress.ts";
import { count } from "./bundle-text.ts";
import { type CommandIo, type ExitCode, INTERRUPTED, printJson } from "./command.ts";
import type { DumpOptions } from "./dump-commands.ts";
import type { DumpDeps, DumpSession, GatheredDump } from "./dump-deps.ts";
import { dumpText } from "./dump-text.ts";
import { findLogin, loginWarnings } from "./find-login.ts";
import { type DumpWish, readDumpOptions } from "./read-dump-options.ts";

/**
 * `dump IMAGE… -o BUNDLE`: gets images out of registries into one bundle. 0 it is there, whole · 1 it is not · 2 a
 * registry cannot be reached or lets nobody in · 64 usage · 65 a name is none · 130, 143 it was
 * interrupted.
 */
export async function dump(
  given: readonly string[],
  options: DumpOptions,
  io: CommandIo,
  deps: DumpDeps,
): Promise<ExitCode> {
  const complain = (message: string, code: ExitCode): ExitCode => {
    io.stderr(`mirrorlet: ${plainText(message)}\n`);
    return code;
  };
  const read = readDumpOptions(given, options);
  if (!read.ok) {
    io.stderr(`mirrorlet: ${plainText(read.message)}\n(mirrorlet dump --help shows how it is used)\n`);
    return 64;
  }
  const { wish } = read;
  if (wish.output === "-" && deps.isTerminal)
    return complain("a bundle does a terminal no good: name a file with -o, or pipe it on", 64);
  const clash = await findClash(wish.output, options, deps);
  if (clash !== undefined) return complain(clash, 64);
  const names = await readNames(given, options.list, deps);
  if (!names.ok) {
    for (const problem of names.problems) complain(problem, 65);
    return 65;
  }
  if (names.names.length === 0) return complain(`${options.list}: there is no image in the list`, 65);
  const hosts = [...new Set(names.names.map((name) => name.slice(0, name.indexOf("/"))))];
  if (wish.login.kind === "given" && wish.from === undefined && hosts.length > 1)
    return complain(
      `one login, and ${hosts.length} registries (${hosts.join(", ")}): dump them one by one, or log in with docker or podman`,
      64,
    );
  for (const warning of loginWarnings(options)) complain(warning, 0);
  const unusable = deps.checkFiles(options);
  if (unusable !== undefined) return complain(unusable, 64);
  const login = await findLogin(wish.login, wish.from?.host ?? hosts[0] ?? "", deps);
  if (typeof login === "string") return complain(login, 64);
  const session = deps.open(wish, options, login, (line) => io.stderr(`${plainText(line)}\n`));
  try {
    return await dumpNames(names.names, session, { wish, io, deps });
  } finally {
    session.close();
  }
}

/** Why a bundle would take away what it is made from. */
async function findClash(
  output: string,
  { since, list }: DumpOptions,
  deps: DumpDeps,
): Promise<string | undefined> {
  for (const [option, input] of [
    ["--since", since],
    ["--list", list],
  ] as const) {
    if (output === "-" || input === undefined || input === "-") continue;
    const replaced = await deps.findReplaced(output, input);
    if (replaced !== undefined)
      return `-o ${output} would replace ${replaced}, which ${option} ${input} reads: give the new bundle another name`;
  }
  return undefined;
}

interface Dump {
  readonly wish: DumpWish;
  readonly io: CommandIo;
  readonly deps: DumpDeps;
}

async function dumpNames(
  names: readonly string[],
  session: DumpSession,
  { wish, io, deps }: Dump,
): Promise<ExitCode> {
  const startMs = deps.now();
  const progress = createBundleProgress("dumping to", wish.output, io.stderr, deps);
  const fail = (error: unknown): ExitCode => {
    progress.end();
    io.stderr(`mirrorlet: ${plainText(deps.explain(error))}\n`);
    io.stderr("mirrorlet: no bundle was made\n");
    const interrupt = session.interrupt();
    if (interrupt !== undefined) return INTERRUPTED[interrupt];
    return deps.isUnreachable(error) ? 2 : 1;
  };
  let gathered: GatheredDump;
  try {
    gathered = await session.plan(names);
  } catch (error) {
    return fail(error);
  }
  if (gathered.failures.length > 0) return tellFailures(gathered.failures, io, deps);
  try {
    const written = await session.write(gathered, progress.note);
    progress.end();
    const tookMs = deps.now() - startMs;
    const tell = wish.output === "-" ? io.stderr : io.stdout;
    if (io.json) printJson(io, "dump", { ...dumpJson(gathered), ...written, tookMs });
    else tell(dumpText(gathered, written, tookMs, io.columns));
    return 0;
  } catch (error) {
    return fail(error);
  }
}

function tellFailures(failures: GatheredDump["failures"], io: CommandIo, deps: DumpDeps): ExitCode {
  const names = new Map<string, string[]>();
  for (const { name, error } of failures) {
    const why = deps.explain(error);
    names.set(why, [...(names.get(why) ?? []), name]);
  }
  for (const [why, [first = "", ...more]] of names) {
    const others = more.length === 0 ? "" : ` and ${count(more.length, "more image")}`;
    io.stderr(`mirrorlet: ${plainText(`${first}${others}: ${why}`)}\n`);
  }
  io.stderr("mirrorlet: no bundle was made\n");
  return failures.every(({ error }) => deps.isUnreachable(error)) ? 2 : 1;
}

function dumpJson({ plan, images, referrers }: GatheredDump): object {
  const { since, platforms, manifests, blobs } = plan.leftOut;
  return {
    images,
    referrers,
    blobs: plan.blobs.length,
    size: plan.size,
    since,
    platforms,
    leftOut: { manifests, blobs },
    foreign: plan.foreign.map(({ digest, size, urls }) => ({ digest, size, urls })),
  };
}

async function readNames(given: readonly string[], list: string | undefined, deps: DumpDeps) {
  const parts = given.map((name) => readImageList(name, "argument"));
  if (list !== undefined) {
    const source = list === "-" ? "standard input" : list;
    const listed = await deps.readList(list);
    if (!listed.ok) return { ok: false, problems: [`${source}: ${listed.why}`] } as const;
    parts.push(readImageList(listed.text, source));
  }
  const problems = parts.flatMap((part) => (part.ok ? [] : part.problems));
  if (problems.length > 0) return { ok: false, problems } as const;
  return { ok: true, names: [...new Set(parts.flatMap((part) => (part.ok ? part.names : [])))] } as const;
}
