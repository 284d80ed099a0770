import { type LoadContext, loadDesiredState } from "../agent/load-desired-state.ts";
import { describeSigned, toSignedRecord } from "../agent/signed-record.ts";
import { parseContainerdVersion } from "../core/containerd/version.ts";
import { type DesiredState, mirrorUrl } from "../core/desired-state/desired-state.ts";
import type { SourceFile } from "../core/desired-state/source-file.ts";
import { formatIssue, hasErrors, type Issue } from "../core/issue.ts";
import type { AcceptedSources } from "../core/signing/accept-sources.ts";
import type { VerifiedState } from "../core/signing/check-signed-state.ts";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";
import { signedStateJson } from "./describe-signed-state.ts";

export interface ValidateOptions {
  /** Leaves out the checks that depend on the version when absent. */
  readonly containerdVersion?: string | undefined;
  readonly pullSecret?: string | undefined;
  readonly secretsDir?: string | undefined;
}

type ReadSources =
  | { readonly ok: true; readonly files: readonly SourceFile[] }
  | { readonly ok: false; readonly issues: readonly Issue[] };

/** `files` puts `--root` before what a desired state names. */
export interface ValidateDeps extends Pick<LoadContext, "files" | "clock" | "certificates"> {
  /** Files the user names, and every file of a directory. Never rejects. */
  readonly readSources: (paths: readonly string[]) => Promise<ReadSources>;
  /** What a signed document has in it, and whether its signatures suffice where keys are configured. */
  readonly accept: (files: readonly SourceFile[]) => Promise<AcceptedSources>;
}

/** `validate FILE…`: every issue of the desired state at once; 65 if any is an error. */
export async function validate(
  paths: readonly string[],
  options: ValidateOptions,
  io: CommandIo,
  deps: ValidateDeps,
): Promise<ExitCode> {
  const containerdVersion = options.containerdVersion && parseContainerdVersion(options.containerdVersion);
  if (options.containerdVersion && !containerdVersion) {
    io.stderr(`--containerd-version ${options.containerdVersion}: write a version such as 1.7.24\n`);
    return 64;
  }
  const sources = await deps.readSources(paths);
  const { pullSecret, secretsDir } = options;
  const { files, clock, certificates } = deps;
  const context = {
    files,
    clock,
    certificates,
    pullSecret,
    secretsDir,
    containerdVersion: containerdVersion || undefined,
  };
  const accepted = sources.ok ? await deps.accept(sources.files) : sources;
  const { state, issues: found } = accepted.ok ? await loadDesiredState(accepted.files, context) : NOTHING;
  const issues = [...accepted.issues, ...found];
  const verified = accepted.ok ? accepted.verified : undefined;
  report(issues, state, verified, io);
  const signed = verified === undefined ? "" : `; ${describeSigned(toSignedRecord(verified, 0))}`;
  io.stderr(`${summarise(issues, paths.length, state?.registries.length)}${signed}\n`);
  return hasErrors(issues) ? 65 : 0;
}

const NOTHING = { state: undefined, issues: [] };

function report(
  issues: readonly Issue[],
  state: DesiredState | undefined,
  verified: VerifiedState | undefined,
  io: CommandIo,
): void {
  if (!io.json) {
    for (const issue of issues) io.stdout(`${formatIssue(issue)}\n`);
    return;
  }
  const registries = (state?.registries ?? []).map(({ namespace, mirrors, upstream }) => ({
    namespace,
    mirrors: mirrors.map(mirrorUrl),
    upstream,
  }));
  const { digest, keyIds } = verified ?? {};
  const signed = verified && { ...signedStateJson(verified.state), digest, keyIds };
  printJson(io, "validate", { valid: state !== undefined, issues, registries, signed });
}

function summarise(issues: readonly Issue[], inputs: number, registries: number | undefined): string {
  const errors = issues.filter(({ severity }) => severity === "error").length;
  const counts = `${count(errors, "error")}, ${count(issues.length - errors, "warning")} in ${count(inputs, "input")}`;
  if (registries === undefined) return `${counts}: nothing of this would be applied`;
  return `${counts}: valid, ${registries === 1 ? "1 registry" : `${registries} registries`}`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
