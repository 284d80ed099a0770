import { observeNodeView } from "../agent/doctor/observe-node-view.ts";
import { HostError } from "../agent/ports.ts";
import type { ContainerdVersion } from "../core/containerd/version.ts";
import { explainErrorText, isWaiting } from "../core/doctor/pulls/error/explain-error-text.ts";
import type { ErrorContext } from "../core/doctor/pulls/error/place-error.ts";
import { chooseVersion } from "./choose-version.ts";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";
import type { DoctorDeps } from "./doctor.ts";
import { errorsToJson, formatErrors } from "./doctor-error-text.ts";

export interface DoctorErrorOptions {
  readonly containerdVersion?: string | undefined;
  /** What was printed; `-` for standard input. */
  readonly error: string;
}

export interface DoctorErrorDeps extends Pick<DoctorDeps, "ports" | "containerd" | "configFile" | "certsD"> {
  /** Standard input; undefined when it is longer than `maxBytes`. */
  readonly readInput: (maxBytes: number) => Promise<string | undefined>;
}

const MAX_BYTES = 1024 * 1024;

/**
 * `doctor --error TEXT`: which host of a pull really failed, and what mends it. 1 when the text is understood, 2 when
 * it is not. The node's version and files sharpen the answer; without them it is given all the same.
 */
export async function doctorError(
  options: DoctorErrorOptions,
  io: CommandIo,
  deps: DoctorErrorDeps,
): Promise<ExitCode> {
  const text = options.error === "-" ? await deps.readInput(MAX_BYTES) : options.error;
  if (text === undefined || Buffer.byteLength(text) > MAX_BYTES) {
    io.stderr("the text is longer than 1 MiB: give the lines around the failed pull\n");
    return 65;
  }
  const chosen = await chooseVersion(options, deps);
  if (!chosen.ok && chosen.exit === 64) {
    io.stderr(`${chosen.message}\n`);
    return 64;
  }
  const context = chosen.ok ? await observe(chosen.version, io, deps) : {};
  const errors = explainErrorText(text, context);
  if (io.json) printJson(io, "doctor-error", errorsToJson(errors, context));
  else if (errors.length === 0) io.stdout(isWaiting(text) ? WAITING : UNKNOWN);
  else io.stdout(formatErrors(errors, context, io.color));
  return errors.length === 0 ? 2 : 1;
}

const UNKNOWN =
  "This text is not known: it is no error of a pull that containerd, crictl or kubelet prints, or not in these words.\nmirrorlet explain IMAGE asks every host of a pull; journalctl -u containerd has the line `PullImage … failed`.\n";
const WAITING =
  "This text says only that kubelet waits before it tries again. The reason stands in an event before it, `Failed to pull image …`:\nkubectl describe pod POD, or journalctl -u containerd | grep 'PullImage .* failed'\n";

async function observe(
  version: ContainerdVersion,
  io: CommandIo,
  { ports, configFile, certsD }: DoctorErrorDeps,
): Promise<ErrorContext> {
  try {
    const view = await observeNodeView(ports, { version, configFile, certsD });
    // A machine without any of these is not the node where the error comes from.
    const isNode = view.sources.length > 0 || view.roots.some(({ tree }) => tree.exists);
    return isNode ? { version, view } : { version };
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    io.stderr(`${error.message}: the text is read without this node's files\n`);
    return { version };
  }
}
