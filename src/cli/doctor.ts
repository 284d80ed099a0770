import type { Further } from "../agent/doctor/ask-further.ts";
import { type LookDeps, lookAtNode } from "../agent/doctor/look-at-node.ts";
import { HostError } from "../agent/ports.ts";
import { arrangeFindings, diagnose } from "../core/doctor/diagnose.ts";
import { type Diagnosis, type Finding, isAtLeastAsBad, type Severity } from "../core/doctor/finding.ts";
import { FINDINGS } from "../core/doctor/finding-catalogue.ts";
import type { NodeView } from "../core/doctor/node-view.ts";
import { confirmFindings } from "../core/doctor/pulls/probe/confirm-findings.ts";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";
import { diagnosisToJson } from "./doctor-json.ts";
import { formatDiagnosis } from "./doctor-text.ts";

export interface DoctorOptions {
  /** Instead of the installed one. */
  readonly containerdVersion?: string | undefined;
  /** Ask hosts, the running containerd and the agent; otherwise files alone are read. */
  readonly probe: boolean;
  /** Codes: only these are told, if any are given. */
  readonly only: readonly string[];
  /** Codes that are not told. */
  readonly skip: readonly string[];
  /** The mildest severity that makes the exit code 1. */
  readonly failOn: Severity;
}

export interface DoctorDeps extends LookDeps {
  /** Asks hosts and the agent; `socket`: of the containerd that this is about. */
  readonly askFurther: (view: NodeView, socket: string) => Promise<Further>;
}

/**
 * `doctor`: every way in which a mirror of this node is not used, and how to mend it. Changes nothing. 1 when there
 * are findings of the severity asked for, 2 when the version or a file cannot be known, 64 for a code nobody has.
 */
export async function doctor(options: DoctorOptions, io: CommandIo, deps: DoctorDeps): Promise<ExitCode> {
  const unknown = [...options.only, ...options.skip].find((code) => !Object.hasOwn(FINDINGS, code));
  if (unknown !== undefined) {
    io.stderr(`${unknown} is no code of a finding; docs/findings.md lists them\n`);
    return 64;
  }
  try {
    const look = await lookAtNode(options, deps);
    if (!look.ok) {
      io.stderr(`${versionTrouble(options)}\n`);
      return look.why === "bad-version" ? 64 : 2;
    }
    const { view, socket } = look;
    const further = await ask(view, socket, options, deps);
    const findings = arrangeFindings(confirmFindings(diagnose(view), further.findings));
    const diagnosis: Diagnosis = {
      findings: findings.filter((finding) => isWanted(finding, options)),
      notChecked: [...look.notChecked, ...further.notChecked],
    };
    if (io.json) printJson(io, "doctor", diagnosisToJson(diagnosis, view.version));
    else io.stdout(formatDiagnosis(diagnosis, view, io));
    const fails = diagnosis.findings.some(({ severity }) => isAtLeastAsBad(severity, options.failOn));
    return fails ? 1 : view.denied.length > 0 ? 2 : 0;
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    io.stderr(`${error.message}: what is wrong with this node cannot be known\n`);
    return 2;
  }
}

async function ask(
  view: NodeView,
  socket: string,
  { probe }: DoctorOptions,
  { askFurther, isCopy }: DoctorDeps,
): Promise<Further> {
  if (probe && !isCopy) return askFurther(view, socket);
  const why = isCopy ? "--root names a copy of a node's files" : "--no-probe reads files only";
  const what = ["what mirrors answer", "where pulls have gone"];
  return { findings: [], notChecked: what.map((one) => ({ what: one, why })) };
}

function versionTrouble({ containerdVersion: given }: DoctorOptions): string {
  return given === undefined
    ? "containerd is not installed or does not tell its version; name one with --containerd-version"
    : `--containerd-version ${given}: write a version such as 1.7.24`;
}

function isWanted({ code }: Finding, { only, skip }: DoctorOptions): boolean {
  return (only.length === 0 || only.includes(code)) && !skip.includes(code);
}
