import type { SourceFile } from "../core/desired-state/source-file.ts";
import { formatIssue, type Issue } from "../core/issue.ts";
import { openPayload } from "../core/signing/check-signed-state.ts";
import { readEnvelope } from "../core/signing/envelope.ts";
import type { PublicKey } from "../core/signing/trusted-keys.ts";
import {
  describeSignatures,
  type SignatureReport,
  type VerifyEd25519,
  verifySignatures,
} from "../core/signing/verify-signatures.ts";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";
import { describeSignedState, signedStateJson } from "./describe-signed-state.ts";
import type { FleetVerifyOptions } from "./fleet-commands.ts";

export interface FleetVerifyDeps {
  readonly readSources: (
    paths: readonly string[],
  ) => Promise<
    | { readonly ok: true; readonly files: readonly SourceFile[] }
    | { readonly ok: false; readonly issues: readonly Issue[] }
  >;
  /** Key files, and keys as they are. */
  readonly readKeys: (
    entries: readonly string[],
  ) => Promise<
    { readonly ok: true; readonly keys: readonly PublicKey[] } | { readonly ok: false; readonly issue: Issue }
  >;
  readonly verifyEd25519: VerifyEd25519;
  readonly sha256: (bytes: Uint8Array) => string;
}

/**
 * `fleet verify FILE`: what a signed document says and who has signed it. 0 enough of the keys given have · 1 they have
 * not, and what they would put in force is not shown · 2 no keys were given, so that nobody's signature was checked.
 */
export async function fleetVerify(
  path: string,
  options: FleetVerifyOptions,
  io: CommandIo,
  deps: FleetVerifyDeps,
): Promise<ExitCode> {
  const threshold = /^[1-9]\d?$/.test(options.threshold) ? Number(options.threshold) : undefined;
  if (threshold === undefined) {
    io.stderr("mirrorlet: --threshold takes a number of signatures, from 1\n");
    return 64;
  }
  const read = await deps.readSources([path]);
  const [file] = read.ok ? read.files : [];
  if (!read.ok || file === undefined) return refuse(read.ok ? [] : read.issues, io);
  const keys = await deps.readKeys(options.trust ?? []);
  if (!keys.ok) return refuse([keys.issue], io);
  const opened = readEnvelope(file.bytes, file.name);
  if (!opened.ok) return refuse([opened.issue], io);
  const { envelope } = opened;
  const trust = { keys: keys.keys, threshold };
  const report = keys.keys.length === 0 ? undefined : verifySignatures(envelope, trust, deps.verifyEd25519);
  const payload = openPayload(envelope, file.name);
  if (!payload.ok) return refuse(payload.issues, io);
  const { state } = payload;
  const digest = deps.sha256(envelope.payload);
  const keyIds = envelope.signatures.map(({ keyId }) => keyId);
  // Never to a program that asked for what is trusted and does not look at the exit code.
  const isShown = options.show === true && report?.suffices !== false;
  if (io.json) {
    const shown = isShown ? { desiredState: state.desiredState } : {};
    printJson(io, "fleet-verify", {
      ...signedStateJson(state),
      digest,
      keyIds,
      signatures: report,
      ...shown,
    });
  } else {
    const facts = [...describeSignedState(state, digest), `signatures: ${keyIds.join("\n            ")}`];
    const print = options.show === true ? io.stderr : io.stdout;
    for (const line of facts) print(`${line}\n`);
    if (isShown) io.stdout(state.desiredState);
  }
  io.stderr(`${report === undefined ? UNCHECKED : describeSignatures(report, trust)}\n`);
  if (options.show === true && !isShown) io.stderr(`${WITHHELD}\n`);
  return exitCodeOf(report);
}

const UNCHECKED = "no signature was checked: give the public keys with --trust";

const WITHHELD = "the desired state is not shown: these keys have not signed it; without --trust it is";

function exitCodeOf(report: SignatureReport | undefined): ExitCode {
  if (report === undefined) return 2;
  return report.suffices ? 0 : 1;
}

function refuse(issues: readonly Issue[], io: CommandIo): ExitCode {
  if (io.json) printJson(io, "fleet-verify", { issues });
  for (const issue of issues) io.stderr(`${formatIssue(issue)}\n`);
  return 65;
}
