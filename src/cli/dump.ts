import { readImageList } from "../core/bundle/dump/read-image-list.ts";
import { plainText } from "../core/plain-text.ts";
import type { CommandIo, ExitCode } from "./command.ts";
import type { DumpOptions } from "./dump-commands.ts";
import type { DumpDeps } from "./dump-deps.ts";
import { findLogin, loginWarnings } from "./find-login.ts";
import { planOnly } from "./plan-dump-only.ts";
import { readDumpOptions } from "./read-dump-options.ts";
import { writeDump } from "./write-dump.ts";

/**
 * `dump IMAGE… -o BUNDLE`: gets images out of registries into one bundle. 0 it is there, whole · 1 it is not, or not all
 * images are in it · 2 a registry cannot be reached or lets nobody in · 64 usage · 65 a name, or the older bundle, is none
 * · 130, 143 it was interrupted.
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
  if (wish.output === "-" && deps.isTerminal && options.dryRun !== true)
    return complain("a bundle does a terminal no good: name a file with -o, or pipe it on", 64);
  const clash = options.dryRun === true ? undefined : await findClash(wish.output, options, deps);
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
  const open = (onRetry: (line: string) => void) => deps.open(wish, options, login, onRetry);
  const work = { names: names.names, since: options.since, open, io, deps };
  return options.dryRun === true ? await planOnly(work) : await writeDump({ ...work, output: wish.output });
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

async function readNames(given: readonly string[], list: string | undefined, deps: DumpDeps) {
  const parts = given.map((name) => readImageList(name, undefined));
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
