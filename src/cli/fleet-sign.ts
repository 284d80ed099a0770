import { type LoadContext, loadDesiredState } from "../agent/load-desired-state.ts";
import { parseContainerdVersion } from "../core/containerd/version.ts";
import { decodeUtf8 } from "../core/desired-state/decode-source.ts";
import type { SourceFile } from "../core/desired-state/source-file.ts";
import { formatIssue, hasErrors, type Issue } from "../core/issue.ts";
import { issueAt, openPayload, signedSourceFile } from "../core/signing/check-signed-state.ts";
import { type Envelope, isEnvelope, readEnvelope, writeEnvelope } from "../core/signing/envelope.ts";
import { time } from "../core/signing/judge-signed-state.ts";
import { preAuthEncoding } from "../core/signing/pre-auth-encoding.ts";
import {
  isStateName,
  PAYLOAD_TYPE,
  type SignedState,
  writeSignedState,
} from "../core/signing/signed-state.ts";
import { SIGNING_LIMITS } from "../core/signing/signing-limits.ts";
import { createPublicKey } from "../core/signing/trusted-keys.ts";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";
import { describeSignedState, signedStateJson } from "./describe-signed-state.ts";
import type { FleetSignOptions } from "./fleet-commands.ts";
import { factOptions, readSignOptions } from "./read-sign-options.ts";

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
  const draft = sources.files.some(({ bytes }) => isEnvelope(bytes))
    ? reopen(sources.files, options, deps.clock.now())
    : await draw(sources.files, options, version || undefined, deps);
  if ("usage" in draft) return usage(draft.usage);
  const warnings = hasErrors(draft.issues)
    ? []
    : await checkState(draft, options, version || undefined, deps);
  const issues = [...draft.issues, ...warnings];
  if (hasErrors(issues) || draft.state === undefined) return refuse(issues, io);
  const signed = addSignature(draft.envelope, key.key, deps.sha256);
  const bytes = writeEnvelope(signed);
  const oversize = tooLarge(bytes, options.out ?? "standard output");
  if (hasErrors(oversize)) return refuse([...issues, ...oversize], io);
  return hand({ state: draft.state, signed, bytes, issues: [...issues, ...oversize] }, options, io, deps);
}

interface Draft {
  readonly envelope: Envelope;
  /** Undefined with an error among the issues. */
  readonly state: SignedState | undefined;
  /** For places in the desired state. */
  readonly file: string;
  readonly issues: readonly Issue[];
}

interface Usage {
  readonly usage: string;
}

/** A document that is there, for one more signature over the same bytes. */
function reopen(files: readonly SourceFile[], options: FleetSignOptions, nowMs: number): Draft | Usage {
  const [file, ...more] = files;
  if (file === undefined || more.length > 0) return { usage: "a signed document is signed again alone" };
  const given = factOptions(options);
  if (given.length > 0)
    return { usage: `${file.name} is signed already: what it says is settled, ${given.join(", ")} included` };
  const read = readEnvelope(file.bytes, file.name);
  const none: Envelope = { payloadType: PAYLOAD_TYPE, payload: new Uint8Array(), signatures: [] };
  if (!read.ok) return { envelope: none, state: undefined, file: file.name, issues: [read.issue] };
  const opened = openPayload(read.envelope, file.name);
  if (!opened.ok) return { envelope: none, state: undefined, file: file.name, issues: opened.issues };
  const { state } = opened;
  const isOver = state.expiresMs <= nowMs;
  const message = `it expired at ${time(state.expiresMs)}: no node would put it in force`;
  const issues = isOver ? [issueAt(file.name, "signed-expired", message, "sign the desired state anew")] : [];
  return { envelope: read.envelope, state, file: file.name, issues };
}

/** A new one: what the options say, and the text as it was written. */
async function draw(
  files: readonly SourceFile[],
  options: FleetSignOptions,
  containerdVersion: ReturnType<typeof parseContainerdVersion>,
  deps: FleetSignDeps,
): Promise<Draft | Usage> {
  const facts = readSignOptions(options, deps.clock.now());
  if (typeof facts === "string") return { usage: facts };
  const found = await checkFiles(files, options, containerdVersion, deps);
  const [only, ...more] = files;
  const isOne = only !== undefined && more.length === 0;
  const texts = files.map(({ bytes }) => decodeUtf8(bytes) ?? "");
  const base = isOne ? (only.name.split("/").at(-1) ?? "") : "";
  const state = {
    ...facts,
    // YAML and JSON alike are documents of one stream.
    desiredState: isOne ? (texts[0] ?? "") : texts.map((text) => `---\n${text.trimEnd()}\n`).join(""),
    name: isStateName(base) ? base : "desired-state.yaml",
  };
  const envelope: Envelope = { payloadType: PAYLOAD_TYPE, payload: writeSignedState(state), signatures: [] };
  // Read as a node will read it.
  const opened = openPayload(envelope, only?.name ?? "");
  const issues = opened.ok ? found : [...found, ...opened.issues];
  return { envelope, state: opened.ok ? opened.state : undefined, file: isOne ? only.name : "", issues };
}

/** What a node that reads this text would find, once more where several files have become one. */
async function checkState(
  { state, file, envelope }: Draft,
  options: FleetSignOptions,
  containerdVersion: ReturnType<typeof parseContainerdVersion>,
  deps: FleetSignDeps,
): Promise<readonly Issue[]> {
  const isNew = envelope.signatures.length === 0;
  if (state === undefined || (isNew && file !== "")) return [];
  const signed = signedSourceFile({ state }, file === "" ? "all files together" : file);
  const found = await checkFiles([signed], options, containerdVersion, deps);
  return isNew ? found.filter(({ severity }) => severity === "error") : found;
}

async function checkFiles(
  sources: readonly SourceFile[],
  { pullSecret, secretsDir }: FleetSignOptions,
  containerdVersion: ReturnType<typeof parseContainerdVersion>,
  { files, clock, certificates }: FleetSignDeps,
): Promise<readonly Issue[]> {
  const context = { files, clock, certificates, pullSecret, secretsDir, containerdVersion };
  const { issues } = await loadDesiredState(sources, context);
  return issues.map(forElsewhere);
}

/** Files that are named are those of the nodes. */
function forElsewhere(issue: Issue): Issue {
  if (!["file-missing", "file-unreadable", "secret-missing"].includes(issue.code)) return issue;
  const fix = "see that the nodes have it; --root with a copy of such a node's files checks it here";
  return { ...issue, severity: "warning", fix };
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
