import { type ExecFileException, execFile, spawn } from "node:child_process";
import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  statSync,
  unlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { randomSuffix } from "./files-temporary.ts";

export interface Ran {
  /** Undefined when the command could not be started or was ended by us or a signal. */
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  /** Why there is no status. */
  readonly failure?: string;
}

export interface RunOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** Outputs beyond this end the program. A dumped configuration has some 10 KiB. */
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024;
const MAX_WORDS_BYTES = 16 * 1024;

/** Runs a program that answers and ends, without a shell and with an environment of three variables. */
export function runCommand(program: string, args: readonly string[], timeoutMs: number): Promise<Ran> {
  const options = { cwd: "/", env: PLAIN_ENVIRONMENT, timeout: timeoutMs, maxBuffer: MAX_OUTPUT_BYTES };
  return new Promise<Ran>((resolve) => {
    execFile(
      program,
      args,
      { ...options, killSignal: "SIGKILL", encoding: "utf8" },
      (error, stdout, stderr) => {
        if (error === null) resolve({ status: 0, stdout, stderr });
        else if (typeof error.code === "number") resolve({ status: error.code, stdout, stderr });
        else resolve({ status: undefined, stdout, stderr, failure: explainEnd(error, timeoutMs) });
      },
    );
  }).catch(neverStarted);
}

function explainEnd(error: ExecFileException, timeoutMs: number): string {
  return error.killed === true ? `still running after ${timeoutMs / 1000} s, ended` : error.message;
}

/**
 * Runs a command that may leave a daemon behind, such as a restart script without systemd. Ends with the command
 * itself, not with the last holder of its outputs, and takes its words through a file: the end of a pipe would
 * kill such a daemon with SIGPIPE once we are gone.
 */
export async function runDetaching(command: readonly string[], options: RunOptions): Promise<Ran> {
  const [name = "", ...args] = command;
  const program = findProgram(name);
  if (program === undefined) return failed(`${name}: not found in ${SEARCH_PATH} or not executable`);
  if (options.signal?.aborted === true) return failed("aborted before it was started");
  const stderr = openScratch();
  try {
    const ended = await runToExit(program, args, stderr, options);
    return { ...ended, stdout: "", stderr: stderr === undefined ? "" : readBack(stderr) };
  } finally {
    if (stderr !== undefined) closeSync(stderr);
  }
}

/** Absolute path of a program; `directories` are searched for a bare name. */
export function findProgram(name: string, directories = SEARCH_PATH): string | undefined {
  const candidates = name.includes("/") ? [name] : directories.split(delimiter).map((dir) => join(dir, name));
  return candidates.find(isExecutable);
}

export const SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** For programs whose words we read: no language, no proxy, nothing of ours. */
export const PLAIN_ENVIRONMENT = { PATH: SEARCH_PATH, LC_ALL: "C", HOME: "/root" };

type Ended = Pick<Ran, "status" | "failure">;

function runToExit(
  program: string,
  args: readonly string[],
  stderr: number | undefined,
  { timeoutMs, signal }: RunOptions,
): Promise<Ended> {
  return new Promise<Ended>((resolve) => {
    const child = spawn(program, args, {
      cwd: "/",
      env: PLAIN_ENVIRONMENT,
      stdio: ["ignore", "ignore", stderr ?? "ignore"],
    });
    let why: string | undefined;
    const stop = (reason: string): void => {
      why ??= reason;
      child.kill("SIGTERM");
      setTimeout(() => child.kill("SIGKILL"), 2_000).unref();
    };
    const timer = setTimeout(() => stop(`still running after ${timeoutMs / 1000} s, ended`), timeoutMs);
    const abort = (): void => stop("ended because mirrorlet is stopping");
    signal?.addEventListener("abort", abort, { once: true });
    const done = (ended: Ended): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      resolve(ended);
    };
    child.once("error", (error) => done({ status: undefined, failure: error.message }));
    child.once("exit", (code, name) => {
      if (why !== undefined) done({ status: undefined, failure: why });
      else if (code === null) done({ status: undefined, failure: `killed by ${name}` });
      else done({ status: code });
    });
  }).catch(neverStarted);
}

/** Most reasons come as an event; those that are thrown are the machine's too, no memory above all. */
function neverStarted({ message }: Error): Ran {
  return failed(message);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

// On a full disk there is no file and no words; the restart, often the way back, must not fail for that.
function openScratch(): number | undefined {
  const path = join(tmpdir(), `mirrorlet-output-${randomSuffix()}`);
  const { O_RDWR, O_CREAT, O_EXCL, O_APPEND } = constants;
  try {
    const descriptor = openSync(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND, 0o600);
    unlinkSync(path);
    return descriptor;
  } catch {
    return undefined;
  }
}

// The end is what matters of long words.
function readBack(descriptor: number): string {
  const start = Math.max(0, fstatSync(descriptor).size - MAX_WORDS_BYTES);
  const buffer = Buffer.alloc(MAX_WORDS_BYTES);
  return buffer.toString("utf8", 0, readSync(descriptor, buffer, 0, buffer.length, start));
}

function failed(failure: string): Ran {
  return { status: undefined, stdout: "", stderr: "", failure };
}
