import { podsInMaking } from "../core/containerd/pods-in-making.ts";
import { unitOf } from "../core/containerd/unit-of-command.ts";
import { findProgram, runCommand } from "./run-command.ts";

const TIMEOUT_MS = 10_000;
const MAX_LINES = 5;

/**
 * The last complaints of a systemd unit since a moment: what `systemctl` answers when a start fails names no
 * cause. Undefined when the journal cannot be asked or says nothing.
 */
export async function readComplaints(unit: string, sinceMs: number): Promise<string | undefined> {
  const lines = await readSince(unit, `@${Math.floor(sinceMs / 1000)}`, 200);
  const complaints = lines.filter((line) => /level=(?:error|fatal)|^containerd: |panic:/.test(line));
  return complaints.length === 0 ? undefined : complaints.slice(-MAX_LINES).join("; ");
}

/**
 * What the unit that a restart command names makes of pods, by its last minute: what takes longer than that hangs. None
 * where the command names no unit or the journal cannot be asked. `root`: the journal below it, `/` for the machine's own.
 */
export async function readPodsInMaking(restart: readonly string[], root: string): Promise<readonly string[]> {
  const unit = unitOf(restart);
  return unit === undefined ? [] : podsInMaking(await readSince(unit, "-60s", 5_000, root));
}

/**
 * The newest lines, the oldest of them first. `since` as journalctl takes it, which up to systemd 254 tells the oldest
 * lines since then, not the newest, unless asked in reverse from a moment on. That way it is no matter either where an
 * answer that is too long or too slow is cut off: in a minute at level debug there may be more than anybody wants to have.
 */
async function readSince(unit: string, since: string, lines: number, root = "/"): Promise<readonly string[]> {
  const journalctl = findProgram("journalctl");
  if (journalctl === undefined) return [];
  const args = [
    "--unit",
    unit,
    `--since=${since}`,
    "--until=now",
    "--reverse",
    `--lines=${lines}`,
    "--no-pager",
    "--output=cat",
    "--quiet",
    ...(root === "/" ? [] : [`--root=${root}`]),
  ];
  const { stdout } = await runCommand(journalctl, args, TIMEOUT_MS);
  return stdout.split("\n").reverse();
}
