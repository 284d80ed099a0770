import type { Issue, Place } from "../issue.ts";
import { type Envelope, readEnvelope } from "./envelope.ts";
import { openJson, Refusal } from "./json-reader.ts";
import { type Judgement, judgeSignedState, type SignedNode, type Standing } from "./judge-signed-state.ts";
import { PAYLOAD_TYPE, readSignedState, type SignedState } from "./signed-state.ts";
import type { SigningCode } from "./signing-codes.ts";
import { describeSignatures, type Trust, type VerifyEd25519, verifySignatures } from "./verify-signatures.ts";

export interface SigningPorts {
  readonly verifyEd25519: VerifyEd25519;
  /** Hex. */
  readonly sha256: (bytes: Uint8Array) => string;
}

/** A state that enough trusted keys have signed. Whether it is for this node, and now, is another question. */
export interface VerifiedState {
  readonly state: SignedState;
  /** Hex SHA-256 of the payload: names it everywhere. */
  readonly digest: string;
  /** Ids of the trusted keys that have signed it. */
  readonly keyIds: readonly string[];
}

export type VerifyResult =
  | { readonly ok: true; readonly verified: VerifiedState }
  | { readonly ok: false; readonly issues: readonly Issue[] };

/** Who has signed is looked at first: of a document that not enough keys have signed, nothing is parsed. Never throws. */
export function verifySignedState(
  bytes: Uint8Array,
  file: string,
  trust: Trust,
  ports: SigningPorts,
  maxBytes?: number,
): VerifyResult {
  const read = readEnvelope(bytes, file, maxBytes);
  if (!read.ok) return { ok: false, issues: [read.issue] };
  const { envelope } = read;
  const report = verifySignatures(envelope, trust, ports.verifyEd25519);
  if (!report.suffices) {
    const message = `it has ${describeSignatures(report, trust)}; nothing of it is applied`;
    const fix =
      "have it signed by a trusted key (mirrorlet fleet sign), or add the key to trust.keys of agent.toml";
    return { ok: false, issues: [issueAt(file, "signature-insufficient", message, fix)] };
  }
  const opened = openPayload(envelope, file);
  if (!opened.ok) return opened;
  const digest = ports.sha256(envelope.payload);
  return { ok: true, verified: { state: opened.state, digest, keyIds: report.good } };
}

export type PayloadResult =
  | { readonly ok: true; readonly state: SignedState }
  | { readonly ok: false; readonly issues: readonly Issue[] };

/** What the payload says, without a look at the signatures: for those who sign, and for looking only. */
export function openPayload({ payloadType, payload }: Envelope, file: string): PayloadResult {
  if (payloadType !== PAYLOAD_TYPE) {
    const message = `it is signed, but as something else than a desired state (payloadType ${JSON.stringify(payloadType.slice(0, 80))})`;
    return { ok: false, issues: [issueAt(file, "signed-type", message, `sign it as ${PAYLOAD_TYPE}`)] };
  }
  const source = {
    file: `${file} (payload)`,
    code: "signed-payload",
    what: "the signed state",
    fix: FIX,
  } as const;
  try {
    return { ok: true, state: readSignedState(openJson(payload, source, { depth: 6, nodes: 50_000 })) };
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, issues: [error.issue] };
    throw error;
  }
}

const FIX = "have it written by the mirrorlet fleet sign of this version";

export type CheckResult =
  | { readonly ok: true; readonly verified: VerifiedState }
  | {
      readonly ok: false;
      readonly issues: readonly Issue[];
      /** Signed well enough, and refused for what it says. */
      readonly verified?: VerifiedState;
      /** ms since the epoch when it is worth another look. */
      readonly notBeforeMs?: number;
    };

/** The whole way of a signed document that a node is given, by file or feed. Never throws. */
export function checkSignedState(
  bytes: Uint8Array,
  file: string,
  expected: { readonly trust: Trust; readonly node: SignedNode },
  standingOf: (fleet: string, channel: string) => Standing,
  ports: SigningPorts,
  maxBytes?: number,
): CheckResult {
  const result = verifySignedState(bytes, file, expected.trust, ports, maxBytes);
  if (!result.ok) return result;
  const { verified } = result;
  const { state, digest } = verified;
  const standing = standingOf(state.fleet, state.channel);
  const judgements = judgeSignedState(state, digest, expected.node, standing);
  if (judgements.length === 0) return result;
  const issues = judgements.map(({ code, message, fix }) =>
    issueAt(file, code, `${message}; nothing of it is applied`, fix),
  );
  return { ok: false, issues, verified, ...onlyTime(judgements) };
}

/** Waiting helps only where nothing else is wrong. */
function onlyTime(judgements: readonly Judgement[]): { readonly notBeforeMs?: number } {
  const [only, ...more] = judgements;
  return only?.notBeforeMs === undefined || more.length > 0 ? {} : { notBeforeMs: only.notBeforeMs };
}

/** About the document as a whole. */
export function issueAt(
  file: string,
  code: SigningCode,
  message: string,
  fix: string,
  severity: Issue["severity"] = "error",
): Issue {
  const at: Place = { file, line: 1, column: 1 };
  return { code, severity, at, message, fix };
}

/** The desired state of a signed document as a file, named so that places in it lead to it: `F (signed NAME):3:5`. */
export function signedSourceFile({ state }: Pick<VerifiedState, "state">, file: string) {
  return { name: `${file} (signed ${state.name})`, bytes: new TextEncoder().encode(state.desiredState) };
}
