import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A journal below a folder, as journald would keep it there, which a test writes. */
export interface LabJournal {
  /** `--root` for whoever reads it. */
  readonly root: string;
  write(unit: string, message: string): void;
  /** Resolves when all that was written can be read. */
  stop(): Promise<void>;
}

const program = "/lib/systemd/systemd-journal-remote";

/** Why there can be no journal; undefined when there can. */
export function journalSkipReason(): string | undefined {
  return existsSync(program) ? undefined : "there is no systemd-journal-remote on this machine";
}

/** Entries go through systemd-journal-remote, which writes the file that journalctl reads. */
export function startJournal(root: string): LabJournal {
  const directory = join(root, "var/log/journal", readFileSync("/etc/machine-id", "utf8").trim());
  mkdirSync(directory, { recursive: true });
  const writer = spawn(program, ["--output", join(directory, "lab.journal"), "-"], {
    stdio: ["pipe", "ignore", "ignore"],
  });
  const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim().replaceAll("-", "");
  return {
    root,
    write: (unit, message) => writer.stdin.write(exportEntry(bootId, unit, message)),
    stop: () => stop(writer),
  };
}

/** https://systemd.io/JOURNAL_EXPORT_FORMATS/ */
function exportEntry(bootId: string, unit: string, message: string): Buffer {
  const microseconds = Date.now() * 1000;
  const head = `__REALTIME_TIMESTAMP=${microseconds}
__MONOTONIC_TIMESTAMP=${Math.round(performance.now() * 1000)}
_BOOT_ID=${bootId}
_SYSTEMD_UNIT=${unit}
PRIORITY=6
MESSAGE
`;
  const text = Buffer.from(message);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([Buffer.from(head), length, text, Buffer.from("\n\n")]);
}

async function stop(writer: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => writer.once("exit", resolve));
  writer.stdin?.end();
  const timer = setTimeout(() => writer.kill("SIGKILL"), 5_000);
  await ended;
  clearTimeout(timer);
}
