import { spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";

/** Makes of what goes in what comes out, beside us. */
export interface Filter {
  readonly input: Writable;
  readonly output: Readable;
  /** Resolves when all has come out; of a program it rejects with FilterError. */
  readonly finished: Promise<void>;
  stop(): void;
}

export class FilterError extends Error {
  override readonly name = "FilterError";
  /** missing: there is no such program · unstarted: it cannot be started · failed: it has ended, and not well. */
  readonly kind: "missing" | "unstarted" | "failed";
  constructor(kind: FilterError["kind"], why: string, options?: ErrorOptions) {
    super(why, options);
    this.kind = kind;
  }
}

/** A program as a filter. The message of its failure is the program's own, of its first line, or how it has ended. */
export function startFilter(program: string, args: readonly string[]): Filter {
  const child = spawn(program, args, {
    stdio: ["pipe", "pipe", "pipe"],
    // Ctrl-C is for us, and would look like damage.
    detached: true,
    env: { PATH: process.env["PATH"], LC_ALL: "C" },
  });
  let words = "";
  child.stderr.on("data", (chunk: Buffer) => {
    if (words.length < 1_000) words += chunk.toString();
  });
  const finished = new Promise<void>((resolve, reject) => {
    child.once("error", (error: NodeJS.ErrnoException) =>
      reject(
        new FilterError(error.code === "ENOENT" ? "missing" : "unstarted", error.message, { cause: error }),
      ),
    );
    child.once("close", (status, signal) => {
      if (status === 0) return resolve();
      const how = signal === null ? `exit code ${status}` : `ended by ${signal}`;
      reject(new FilterError("failed", words.trim().split("\n")[0] || how));
    });
  });
  return { input: child.stdin, output: child.stdout, finished, stop: () => void child.kill("SIGKILL") };
}
