import { lookAtNode } from "../agent/doctor/look-at-node.ts";
import { HostError } from "../agent/ports.ts";
import { explainErrorText, isWaiting } from "../core/doctor/pulls/error/explain-error-text.ts";
import type { ErrorContext } from "../core/doctor/pulls/error/place-error.ts";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";
import type { DoctorDeps } from "./doctor.ts";
import { errorsToJson, formatErrors } from "./doctor-error-text.ts";

export interface DoctorErrorOptions {
  /** Instead of the one that runs, or is installed. */
  readonly containerdVersion?: string | undefined;
  /** Look at processes and ask the containerd that runs which one it is. */
  readonly probe: boolean;
  /** What was printed; `-` for standard input. */
  readonly error: string;
}

export interface DoctorErrorDeps extends DoctorDeps {
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
  const context = await observe(options, io, deps);
  if (context === "bad-version") {
    io.stderr(`--containerd-version ${options.containerdVersion}: write a version such as 1.7.24\n`);
    return 64;
  }
  const errors = explainErrorText(text, context);
  if (io.json) printJson(io, "doctor-error", errorsToJson(errors, context));
  else if (errors.length === 0) io.stdout(isWaiting(text) ? WAITING : UNKNOWN);
  else io.stdout(formatErrors(errors, context, io));
  return errors.length === 0 ? 2 : 1;
}

const UNKNOWN =
  "This text is not known: it is no error of a pull that containerd, crictl or kubelet prints, or not in these words.\nmirrorlet explain IMAGE asks every host of a pull; journalctl -u containerd has the line `PullImage … failed`.\n";
const WAITING =
  "This text says only that kubelet waits before it tries again. The reason stands in an event before it, `Failed to pull image …`:\nkubectl describe pod POD, or journalctl -u containerd | grep 'PullImage .* failed'\n";

async function observe(
  options: DoctorErrorOptions,
  io: CommandIo,
  deps: DoctorErrorDeps,
): Promise<ErrorContext | "bad-version"> {
  try {
    const look = await lookAtNode(options, deps);
    if (!look.ok) return look.why === "bad-version" ? look.why : {};
    const { view } = look;
    // A machine without any of these is not the node where the error comes from.
    const isNode = view.sources.length > 0 || view.roots.some(({ tree }) => tree.exists);
    return { version: view.version, ...(isNode ? { view } : {}) };
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    io.stderr(`${error.message}: the text is read without this node's files\n`);
    return {};
  }
}
