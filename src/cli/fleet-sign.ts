import type { LoadContext } from "../agent/load-desired-state.ts";
import { parseContainerdVersion } from "../core/containerd/version.ts";
import type { SourceFile } from "../core/desired-state/source-file.ts";
import { formatIssue, hasErrors, type Issue } from "../core/issue.ts";
import { issueAt } from "../core/signing/check-signed-state.ts";
import { type Envelope, writeEnvelope } from "../core/signing/envelope.ts";
import { preAuthEncoding } from "../core/signing/pre-auth-encoding.ts";
import type { SignedState } from "../core/signing/signed-state.ts";
import { SIGNING_LIMITS } from "../core/signing/signing-limits.ts";
import { createPublicKey } from "../core/signing/trusted-keys.ts";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";
import { describeSignedState, signedStateJson } from "./describe-signed-state.ts";
import { draftSignedState } from "./draft-signed-state.ts";
import type { FleetSignOptions } from "./fleet-commands.ts";

type ReadSources =
  | { readonly ok: true; readonly files: readonly SourceFile[] }
  | { readonly ok: false; readonly issues: readonly Issue[] };

export interface Signer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

export interface FleetSignDeps extends Pick<LoadContext, "files" | "clock" | "certificates"> {
  readonly readSources: (paths: readonly string[]) => Promise<ReadSources>;
  /** Refuses a key that others can read. */
  readonly readSigningKey: (
    path: string,
  ) => { readonly ok: true; readonly key: Signer } | { readonly ok: false; readonly message: string };
  /**
   * Why it was not written; undefined: it was. Only an older signed document is written over (`refuseOverwrite`), and
   * where not all may read each of `sources`, not all may read what is made of them: passwords may be in it.
   */
  readonly writeSigned: (
    path: string,
    bytes: Uint8Array,
    sources: readonly string[],
  ) => Promise<string | undefined>;
  readonly sha256: (bytes: Uint8Array) => string;
}

/**
 * `fleet sign FILE…`: a signed document of a desired state, or one more signature for a document that is there. What a
 * node would refuse is not signed.
 */
export async function fleetSign(
  paths: readonly string[],
  options: FleetSignOptions,
  io: CommandIo,
  deps: FleetSignDeps,
): Promise<ExitCode> {
  const usage = (message: string): ExitCode => {
    io.stderr(`mirrorlet: ${message}\n`);
    return 64;
  };
  const version = options.containerdVersion && parseContainerdVersion(options.containerdVersion);
  if (options.containerdVersion && !version)
    return usage(`--containerd-version ${options.containerdVersion}: write a version such as 1.7.24`);
  const key = deps.readSigningKey(options.key);
  if (!key.ok) {
    io.stderr(`mirrorlet: ${options.key}: ${key.message}\n`);
    return 1;
  }
  const sources = await deps.readSources(paths);
  if (!sources.ok) return refuse(sources.issues, options, io);
  const draft = await draftSignedState(sources.files, options, version || undefined, deps);
  if ("usage" in draft) return usage(draft.usage);
  const { issues, state } = draft;
  if (hasErrors(issues) || state === undefined) return refuse(issues, options, io);
  const envelope = addSignature(draft.envelope, key.key, deps.sha256);
  const bytes = writeEnvelope(envelope);
  const oversize = tooLarge(bytes, options.out ?? "standard output");
  const all = [...issues, ...oversize];
  if (hasErrors(oversize)) return refuse(all, options, io);
  for (const issue of all) io.stderr(`${formatIssue(issue)}\n`);
  const names = sources.files.map(({ name }) => name);
  const refusal = options.out === undefined ? undefined : await deps.writeSigned(options.out, bytes, names);
  if (refusal !== undefined) {
    io.stderr(`mirrorlet: ${refusal}\n`);
    return 1;
  }
  tell({ state, envelope, bytes, issues: all }, options, io, deps);
  return 0;
}

function addSignature(envelope: Envelope, key: Signer, sha256: FleetSignDeps["sha256"]): Envelope {
  const { keyId } = createPublicKey(key.publicKey, sha256);
  const bytes = key.sign(preAuthEncoding(envelope.payloadType, envelope.payload));
  const others = envelope.signatures.filter((signature) => signature.keyId !== keyId);
  return { ...envelope, signatures: [...others, { keyId, bytes }] };
}

function tooLarge(bytes: Uint8Array, out: string): readonly Issue[] {
  const { fileBytes, feedBytes } = SIGNING_LIMITS;
  if (bytes.length <= feedBytes) return [];
  const isError = bytes.length > fileBytes;
  const who = isError
    ? `more than the ${fileBytes} that a node reads`
    : `more than the ${feedBytes} that a feed carries`;
  const message = `the signed document has ${bytes.length} bytes, ${who}`;
  return [issueAt(out, "signed-envelope", message, "make it smaller", isError ? "error" : "warning")];
}

interface Signed {
  readonly state: SignedState;
  readonly envelope: Envelope;
  readonly bytes: Uint8Array;
  readonly issues: readonly Issue[];
}

function tell(
  { state, envelope, bytes, issues }: Signed,
  { out }: FleetSignOptions,
  io: CommandIo,
  { sha256 }: FleetSignDeps,
): void {
  const digest = sha256(envelope.payload);
  const keyIds = envelope.signatures.map(({ keyId }) => keyId);
  if (out === undefined) io.stdout(new TextDecoder().decode(bytes));
  else if (io.json) printJson(io, "fleet-sign", { ...signedStateJson(state), digest, keyIds, out, issues });
  for (const line of describeSignedState(state, digest)) io.stderr(`${line}\n`);
  io.stderr(`signed by:  ${keyIds.join("\n            ")}\n`);
}

/** Without --out, standard output is the document or nothing. */
function refuse(issues: readonly Issue[], { out }: FleetSignOptions, io: CommandIo): ExitCode {
  if (io.json && out !== undefined) printJson(io, "fleet-sign", { issues });
  for (const issue of issues) io.stderr(`${formatIssue(issue)}\n`);
  io.stderr("mirrorlet: nothing was signed\n");
  return 65;
}
