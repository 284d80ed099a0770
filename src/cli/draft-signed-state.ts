import { type LoadContext, loadDesiredState } from "../agent/load-desired-state.ts";
import type { ContainerdVersion } from "../core/containerd/version.ts";
import { decodeUtf8 } from "../core/desired-state/decode-source.ts";
import type { SourceFile } from "../core/desired-state/source-file.ts";
import { hasErrors, type Issue } from "../core/issue.ts";
import { issueAt, openPayload, signedSourceFile } from "../core/signing/check-signed-state.ts";
import { type Envelope, isEnvelope, readEnvelope } from "../core/signing/envelope.ts";
import { time } from "../core/signing/judge-signed-state.ts";
import {
  isStateName,
  PAYLOAD_TYPE,
  type SignedState,
  writeSignedState,
} from "../core/signing/signed-state.ts";
import type { FleetSignOptions } from "./fleet-commands.ts";
import { factOptions, readSignOptions } from "./read-sign-options.ts";

type DraftDeps = Pick<LoadContext, "files" | "clock" | "certificates">;

export interface Draft {
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

/**
 * What is to be signed: a new document of these files, or the one that is among them. Whatever a node would refuse is
 * among the issues.
 */
export async function draftSignedState(
  files: readonly SourceFile[],
  options: FleetSignOptions,
  containerdVersion: ContainerdVersion | undefined,
  deps: DraftDeps,
): Promise<Draft | Usage> {
  const draft = files.some(({ bytes }) => isEnvelope(bytes))
    ? reopen(files, options, deps.clock.now())
    : await draw(files, options, containerdVersion, deps);
  if ("usage" in draft || hasErrors(draft.issues)) return draft;
  return {
    ...draft,
    issues: [...draft.issues, ...(await checkState(draft, options, containerdVersion, deps))],
  };
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
  containerdVersion: ContainerdVersion | undefined,
  deps: DraftDeps,
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
  containerdVersion: ContainerdVersion | undefined,
  deps: DraftDeps,
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
  containerdVersion: ContainerdVersion | undefined,
  { files, clock, certificates }: DraftDeps,
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
