import { findProgram, runCommand } from "./run-command.ts";

const TIMEOUT_MS = 10_000;
const MAX_LINES = 5;

/**
 * The last complaints of a systemd unit since a moment: what `systemctl` answers when a start fails names no
 * cause. Undefined when the journal cannot be asked or says nothing.
 */
export async function readComplaints(unit: string, sinceMs: number): Promise<string | undefined> {
  const journalctl = findProgram("journalctl");
  if (journalctl === undefined) return undefined;
  const since = `--since=@${Math.floor(sinceMs / 1000)}`;
  const args = ["--unit", unit, since, "--lines=200", "--no-pager", "--output=cat", "--quiet"];
  const ran = await runCommand(journalctl, args, TIMEOUT_MS);
  if (ran.status !== 0) return undefined;
  const complaints = ran.stdout
    .split("\n")
    .filter((line) => /level=(?:error|fatal)|^containerd: |panic:/.test(line));
  return complaints.length === 0 ? undefined : complaints.slice(-MAX_LINES).join("; ");
}
