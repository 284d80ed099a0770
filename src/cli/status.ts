import type { ApplyRecord } from "../agent/apply-record.ts";
import { HostError } from "../agent/ports.ts";
import type { StatusDocument } from "../agent/status-document.ts";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";
import { readStatus } from "./read-status.ts";
import { describeRecord } from "./record-text.ts";
import { formatNpdLine } from "./status-npd.ts";
import { formatStatus } from "./status-text.ts";

export interface StatusDeps {
  /** The agent's own word; a few seconds at most. Never throws. */
  ask(): Promise<
    { readonly ok: true; readonly document: unknown } | { readonly ok: false; readonly message: string }
  >;
  /** What is on disk; needs no agent, network or containerd. */
  loadRecord(): Promise<{ readonly record: ApplyRecord; readonly corrupt: boolean }>;
}

/**
 * `status`: how the pulls of this node stand, by the running agent; without one, what was last put in force, by the
 * record on disk. 0 fine · 1 something is wrong · 2 it cannot be told, be it that no agent answers or that no pull
 * has shown anything yet.
 */
export async function status(
  options: { readonly npd: boolean },
  io: CommandIo,
  deps: StatusDeps,
): Promise<ExitCode> {
  const answer = await deps.ask();
  const document = answer.ok ? readStatus(answer.document) : undefined;
  if (document === undefined) {
    const why = answer.ok ? "its answer is of a version that this program does not know" : answer.message;
    return options.npd ? printNpd(`the agent is not heard: ${why}`, 2, io) : withoutAgent(why, io, deps);
  }
  if (options.npd) return printNpd(document.summary.sentence, npdCode(document), io);
  if (io.json) printJson(io, "status", { source: "agent", ...document });
  else io.stdout(formatStatus(document, io.color));
  return exitCodeOf(document);
}

function exitCodeOf({ summary, config, evidence }: StatusDocument): ExitCode {
  if (config === undefined) return 2;
  if (summary.status !== "pass") return 1;
  return summary.proven === 0 && evidence.registries.length > 0 ? 2 : 0;
}

/** The node has a problem or has none that is known: that nothing was pulled yet is neither. */
function npdCode({ summary, config }: StatusDocument): ExitCode {
  if (config === undefined) return 2;
  return summary.status === "pass" ? 0 : 1;
}

function printNpd(sentence: string, code: ExitCode, io: CommandIo): ExitCode {
  io.stdout(`${formatNpdLine(sentence)}\n`);
  return code;
}

async function withoutAgent(why: string, io: CommandIo, deps: StatusDeps): Promise<ExitCode> {
  try {
    const { record, corrupt } = await deps.loadRecord();
    const { lines, isTrouble } = describeRecord(record, corrupt);
    if (io.json)
      printJson(io, "status", { source: "record", message: why, record: shownRecord(record), corrupt });
    else io.stdout(`${[unknown(why), ...lines, HINT].join("\n")}\n`);
    return isTrouble ? 1 : 2;
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    io.stderr(`${unknown(why)}\n${error.message}: run it as root to see what was last put in force\n`);
    return 2;
  }
}

const HINT = "See: systemctl status mirrorlet, journalctl -u mirrorlet";

function unknown(why: string): string {
  return `Where pulls go is not known: the agent is not heard, ${why}.`;
}

/** Nothing that names bytes or ways in: the record has no secrets, but it has digests of them. */
function shownRecord(record: ApplyRecord): object {
  const { generation, appliedMs, signed, namespaces, containerdVersion, quarantine, pendingRestart } = record;
  return {
    generation,
    appliedMs,
    signed,
    namespaces,
    containerdVersion,
    quarantine: quarantine && {
      generation: quarantine.generation,
      message: quarantine.message,
      sinceMs: quarantine.sinceMs,
    },
    pendingRestart: pendingRestart && { phase: pendingRestart.phase, reason: pendingRestart.reason },
  };
}
