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
  /** Why it was not written; undefined: it was. Only another signed document is written over. */
  readonly writeSigned: (path: string, bytes: Uint8Array) => Promise<string | undefined>;
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
  if (!sources.ok) return refuse(sources.issues, io);
  const draft = await draftSignedState(sources.files, options, version || undefined, deps);
  if ("usage" in draft) return usage(draft.usage);
  const { issues } = draft;
  if (hasErrors(issues) || draft.state === undefined) return refuse(issues, io);
  const signed = addSignature(draft.envelope, key.key, deps.sha256);
  const bytes = writeEnvelope(signed);
  const oversize = tooLarge(bytes, options.out ?? "standard output");
  if (hasErrors(oversize)) return refuse([...issues, ...oversize], io);
  return hand({ state: draft.state, signed, bytes, issues: [...issues, ...oversize] }, options, io, deps);
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

async function hand(
  {
    state,
    signed,
    bytes,
    issues,
  }: {
    readonly state: SignedState;
    readonly signed: Envelope;
    readonly bytes: Uint8Array;
    readonly issues: readonly Issue[];
  },
  { out }: FleetSignOptions,
  io: CommandIo,
  { writeSigned, sha256 }: FleetSignDeps,
): Promise<ExitCode> {
  for (const issue of issues) io.stderr(`${formatIssue(issue)}\n`);
  const refusal = out === undefined ? undefined : await writeSigned(out, bytes);
  if (refusal !== undefined) {
    io.stderr(`mirrorlet: ${refusal}\n`);
    return 1;
  }
  const digest = sha256(signed.payload);
  const keyIds = signed.signatures.map(({ keyId }) => keyId);
  if (out === undefined) io.stdout(new TextDecoder().decode(bytes));
  else if (io.json) printJson(io, "fleet-sign", { ...signedStateJson(state), digest, keyIds, out, issues });
  for (const line of describeSignedState(state, digest)) io.stderr(`${line}\n`);
  io.stderr(`signed by:  ${keyIds.join("\n            ")}\n`);
  return 0;
}

function refuse(issues: readonly Issue[], io: CommandIo): ExitCode {
  for (const issue of issues) io.stderr(`${formatIssue(issue)}\n`);
  io.stderr("mirrorlet: nothing was signed\n");
  return 65;
}
