import { execFile, spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

/** The n-th call of its kind on a path, below some root, which is where a fault can be aimed at. */
export interface FileCall {
  readonly name: string;
  readonly path: string;
  readonly nth: number;
  /** How it is to be aimed at, where that is not the path: `/proc/self/fd/*` and a name, of which it is the nth call. */
  readonly aim?: { readonly name: string; readonly nth: number };
  /** It changes nothing. */
  readonly isReading: boolean;
}

export function describeCall({ name, path, nth }: FileCall): string {
  return `${name} ${path}${nth === 1 ? "" : ` #${nth}`}`;
}

/** Why faults cannot be injected here; undefined when they can. */
export function straceSkipReason(): string | undefined {
  const run = spawnSync("strace", ["-f", "-o", "/dev/null", "true"], { encoding: "utf8" });
  return run.status === 0
    ? undefined
    : `strace does not work here: ${run.error?.message ?? run.stderr.trim()}`;
}

const CHANGING = [
  "openat",
  "write",
  "pwrite64",
  "fsync",
  "fdatasync",
  "fchmod",
  "chmod",
  "fchown",
  "chown",
  "rename",
  "renameat2",
  "mkdir",
  "unlink",
  "rmdir",
  "link",
  "symlink",
  "ftruncate",
] as const;

/**
 * One thread for file work, or the counts of strace, which it keeps by thread, would vary from run to run.
 * See strace(1), `inject`.
 */
const ENVIRONMENT = { ...process.env, UV_THREADPOOL_SIZE: "1", UV_USE_IO_URING: "0" };

/** Threads are followed; children, of which one may become a daemon that never ends, are let go. */
const FOLLOW = ["-f", "--detach-on=execve"];

/**
 * Runs a program and lists the calls with which it, and not its children, changed something below `root`; with those
 * that read files and open directories where `reading`.
 */
export async function listCalls(
  command: readonly string[],
  { log, root, reading = false }: Listing,
): Promise<readonly FileCall[]> {
  const names = reading ? [...CHANGING, "read", "pread64"] : CHANGING;
  const calls = `trace=${names.join(",")}`;
  const trace = [...FOLLOW, "-y", "-s", "0", "-e", calls, "-e", "signal=none", "-o", log];
  await promisify(execFile)("strace", [...trace, ...command], { env: ENVIRONMENT, timeout: 60_000 });
  const all = readLog(readFileSync(log, "utf8"), root);
  return all.filter(({ isReading }) => reading || !isReading);
}

export interface Listing {
  /** Where the trace goes. */
  readonly log: string;
  readonly root: string;
  readonly reading?: boolean;
}

function readLog(text: string, root: string): readonly FileCall[] {
  const calls: FileCall[] = [];
  const count = createCounter();
  const descriptors = new Map<string, string>();
  for (const line of text.split("\n")) {
    // A descriptor is one directory until its number is given out again.
    const opened = /\bopenat\b.* = (\d+)<([^>]*)>$/.exec(line);
    const match = /^(\d+) +(\w+)\((.*)$/.exec(line);
    if (match === null) {
      if (opened !== null) descriptors.set(opened[1] ?? "", opened[2] ?? "");
      continue;
    }
    const [, thread = "", name = "", rest = ""] = match;
    const [, from, fromName] = BY_DESCRIPTOR.exec(pathOf(name, rest) ?? "") ?? [];
    const path =
      from === undefined ? (pathOf(name, rest) ?? "") : join(descriptors.get(from) ?? "", fromName ?? "");
    if (opened !== null) descriptors.set(opened[1] ?? "", opened[2] ?? "");
    // Of two paths strace's filter looks at the first.
    const aim =
      fromName === undefined ? {} : { aim: { name: fromName, nth: count(`${thread} ${name} ${fromName}`) } };
    if (!below(path, root)) continue;
    const nth = count(`${name} ${path}`);
    const isReading = name.includes("read") || (name === "openat" && !rest.includes("O_CREAT"));
    calls.push({ name, path: path.slice(root.length), nth, ...aim, isReading });
  }
  return calls;
}

const BY_DESCRIPTOR = /^\/proc\/self\/fd\/(\d+)(?:\/(.*))?$/;

function createCounter(): (key: string) => number {
  const seen = new Map<string, number>();
  return (key) => {
    const nth = (seen.get(key) ?? 0) + 1;
    seen.set(key, nth);
    return nth;
  };
}

function below(path: string, root: string): boolean {
  return path === root || path.startsWith(`${root}/`);
}

/** `write(21</path>, …`, `rename("/from", "/to")`, `openat(AT_FDCWD</cwd>, "/path", …`. */
function pathOf(name: string, rest: string): string | undefined {
  const byDescriptor = [
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "fchmod",
    "fchown",
    "ftruncate",
    "read",
    "pread64",
  ];
  if (byDescriptor.includes(name)) return /^\d+<([^>]*)>/.exec(rest)?.[1];
  return /"([^"]*)"/.exec(rest)?.[1];
}

/** More than a pass of the tests ever has open. */
const DESCRIPTORS = Array.from({ length: 100 }, (_, number) => `/proc/self/fd/${number}`);

export interface Ended {
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: string;
}

/** Runs a program with a fault (`signal=SIGKILL`, `error=EIO`) at that call. */
export async function runWithFault(
  command: readonly string[],
  root: string,
  call: FileCall,
  fault: string,
): Promise<Ended> {
  const { name, path, aim } = call;
  const nth = aim?.nth ?? call.nth;
  const paths = aim === undefined ? [`${root}${path}`] : DESCRIPTORS.map((each) => `${each}/${aim.name}`);
  const where = [...paths.flatMap((each) => ["-P", each]), "-e", `trace=${name}`];
  return runTraced([...FOLLOW, ...where, "-e", `inject=${name}:${fault}:when=${nth}`], command);
}

/** Runs a program for which every call of that name on those paths (host paths) does nothing and says that it went well. */
export async function runWithout(
  command: readonly string[],
  name: string,
  paths: readonly string[],
): Promise<Ended> {
  const where = [...paths.flatMap((path) => ["-P", path]), "-e", `trace=${name}`];
  return runTraced([...FOLLOW, ...where, "-e", `inject=${name}:retval=0`], command);
}

async function runTraced(options: readonly string[], command: readonly string[]): Promise<Ended> {
  const child = spawn("strace", [...options, "-e", "signal=none", "-o", "/dev/null", ...command], {
    env: ENVIRONMENT,
    stdio: ["ignore", "pipe", "ignore"],
  });
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status, signal) => resolve({ status, signal, stdout }));
  });
}
