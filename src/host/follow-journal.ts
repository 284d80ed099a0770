import { type ChildProcess, spawn } from "node:child_process";
import type { LogEntry, LogFollower, UnitLog } from "../agent/evidence/unit-log.ts";
import { findProgram, PLAIN_ENVIRONMENT } from "./run-command.ts";
import { splitLines } from "./split-lines.ts";

export interface JournalOptions {
  readonly unit: string;
  /** `--root`: the journal below it is followed; `""` for the machine's own. */
  readonly root: string;
}

/** A line of journald is 48 KiB at most; as JSON, with escapes, it may be twice that. */
const MAX_LINE_BYTES = 128 * 1024;
const MAX_WORDS_BYTES = 1024;
const KILL_MS = 2_000;
const PLACE = "-- cursor: ";
const NO_INOTIFY = /insufficient watch descriptors/i;

/** Follows the journal of a systemd unit with journalctl. */
export function createUnitJournal({ unit, root }: JournalOptions): UnitLog {
  return {
    async follow(follower, signal) {
      const program = findProgram("journalctl");
      if (program === undefined) return "journalctl is not installed";
      if (signal.aborted) return "stopped before it was started";
      try {
        const child = spawn(program, argumentsFor(unit, root, follower.after), {
          cwd: "/",
          env: PLAIN_ENVIRONMENT,
          stdio: ["ignore", "pipe", "pipe"],
        });
        return await attend(child, follower, signal);
      } catch (error) {
        // Out of memory, for one.
        return `journalctl cannot be started: ${(error as Error).message}`;
      }
    },
  };
}

// journald gives every line of a unit's output the same priority, so that asking for some of them tells nothing.
function argumentsFor(unit: string, root: string, after: string | undefined): readonly string[] {
  return [
    "--follow",
    "--output=json",
    "--output-fields=MESSAGE",
    // Fields beyond 4096 bytes are left out otherwise.
    "--all",
    "--no-pager",
    "--quiet",
    // Comes at its end where it finds that it cannot follow: with no inotify instance left it reads, and ends well.
    "--show-cursor",
    `--unit=${unit}`,
    ...(root === "" || root === "/" ? [] : [`--root=${root}`]),
    ...(after === undefined ? ["--lines=0"] : [`--after-cursor=${after}`, "--no-tail"]),
  ];
}

function attend(child: ChildProcess, follower: LogFollower, signal: AbortSignal): Promise<string> {
  let words = "";
  // Without descriptors for pipes there are none, only an error to come.
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    words = `${words}${text}`.slice(-MAX_WORDS_BYTES);
  });
  child.stdout?.on(
    "data",
    splitLines(MAX_LINE_BYTES, (line) => {
      if (line.startsWith(PLACE)) return follower.onPlace(line.slice(PLACE.length));
      const entry = follower.isOfInterest(line) ? readEntry(line) : undefined;
      if (entry !== undefined) follower.onEntry(entry);
    }),
  );
  child.once("spawn", () => follower.onOpen());
  const end = (): void => {
    child.kill("SIGTERM");
    setTimeout(() => child.kill("SIGKILL"), KILL_MS).unref();
  };
  signal.addEventListener("abort", end, { once: true });
  return new Promise((resolve) => {
    const done = (why: string): void => {
      signal.removeEventListener("abort", end);
      resolve(why);
    };
    child.once("error", (error) => done(error.message));
    child.once("close", (code, name) => {
      const how = code === null ? `was ended by ${name}` : `ended with status ${code}`;
      const advice = NO_INOTIFY.test(words) ? " (fs.inotify.max_user_instances is too low)" : "";
      done(`journalctl ${how}${words.trim() === "" ? "" : `: ${words.trim()}`}${advice}`);
    });
  });
}

/** Undefined: not what is expected, such as a message that is not text. */
function readEntry(line: string): LogEntry | undefined {
  try {
    const value = JSON.parse(line) as Readonly<Record<string, unknown>>;
    const { MESSAGE: text, __CURSOR: cursor, __REALTIME_TIMESTAMP: microseconds } = value;
    const atMs = Math.floor(Number(microseconds) / 1000);
    if (typeof text !== "string" || typeof cursor !== "string" || !Number.isFinite(atMs)) return undefined;
    return { atMs, text, cursor };
  } catch {
    return undefined;
  }
}
