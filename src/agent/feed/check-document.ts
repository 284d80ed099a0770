import type { Acceptance } from "../../core/signing/accept-sources.ts";
import { checkSignedState, openPayload, type SigningPorts } from "../../core/signing/check-signed-state.ts";
import { readEnvelope } from "../../core/signing/envelope.ts";
import { judgeSignedState, type Standing } from "../../core/signing/judge-signed-state.ts";
import { SIGNING_LIMITS } from "../../core/signing/signing-limits.ts";
import type { FeedError } from "./feed-messages.ts";

export interface CheckContext {
  readonly expected: Pick<Acceptance, "trust" | "node">;
  /** `feed.unsigned`: without keys, signatures are not asked for. */
  readonly mayBeUnsigned: boolean;
  readonly standingOf: (fleet: string, channel: string) => Standing | "damaged";
  readonly signing: SigningPorts;
}

export type CheckedDocument =
  | { readonly ok: true; readonly serial: number }
  | { readonly ok: false; readonly error: FeedError; readonly notBeforeMs?: number };

/**
 * What the feed has sent, by the same rules as a file: `checkSignedState`, with the smaller bound. That it is what the
 * assignment names is looked at last, for the digest says nothing about who made it. The pass checks it once more.
 */
export function checkDocument(envelope: Uint8Array, digest: string, context: CheckContext): CheckedDocument {
  const checked =
    context.expected.trust === undefined ? checkUnsigned(envelope, context) : check(envelope, context);
  if (!checked.ok) return checked;
  if (checked.digest === digest) return { ok: true, serial: checked.serial };
  const message = "the document is another one than the assignment names; nothing of it is applied";
  return refuse("digest-mismatch", message);
}

type Checked =
  | { readonly ok: true; readonly digest: string; readonly serial: number }
  | Extract<CheckedDocument, { ok: false }>;

const NAME = "feed";

function check(envelope: Uint8Array, { expected, standingOf, signing }: CheckContext): Checked {
  const { trust, node } = expected;
  if (trust === undefined) return refuse("unsigned", "there are no trust.keys");
  let isDamaged = false;
  const standing = (fleet: string, channel: string): Standing => {
    const found = standingOf(fleet, channel);
    isDamaged = found === "damaged";
    return found === "damaged" ? { floor: 0, runningDigest: undefined, nowMs: undefined } : found;
  };
  const result = checkSignedState(
    envelope,
    NAME,
    { trust, node },
    standing,
    signing,
    SIGNING_LIMITS.feedBytes,
  );
  if (isDamaged) return FLOOR_DAMAGED;
  if (result.ok) return { ok: true, digest: result.verified.digest, serial: result.verified.state.serial };
  const [first] = result.issues;
  const { notBeforeMs } = result;
  return {
    ...refuse(first?.code ?? "rejected", first === undefined ? "" : `${first.message}; ${first.fix}`),
    ...(notBeforeMs === undefined ? {} : { notBeforeMs }),
  };
}

/** All but the signatures, where agent.toml says that there need not be any. */
function checkUnsigned(envelope: Uint8Array, context: CheckContext): Checked {
  const { mayBeUnsigned, expected, standingOf, signing } = context;
  if (!mayBeUnsigned)
    return refuse("unsigned", "there are no trust.keys to check it with; nothing of it is applied");
  const read = readEnvelope(envelope, NAME, SIGNING_LIMITS.feedBytes);
  if (!read.ok) return refuse(read.issue.code, `${read.issue.message}; ${read.issue.fix}`);
  const opened = openPayload(read.envelope, NAME);
  if (!opened.ok) {
    const [first] = opened.issues;
    return refuse(first?.code ?? "rejected", first?.message ?? "");
  }
  const { state } = opened;
  const digest = signing.sha256(read.envelope.payload);
  const standing = standingOf(state.fleet, state.channel);
  if (standing === "damaged") return FLOOR_DAMAGED;
  const [judgement, ...more] = judgeSignedState(state, digest, expected.node, standing);
  if (judgement === undefined) return { ok: true, digest, serial: state.serial };
  const { code, message, fix, notBeforeMs } = judgement;
  return {
    ...refuse(code, `${message}; ${fix}`),
    ...(notBeforeMs === undefined || more.length > 0 ? {} : { notBeforeMs }),
  };
}

/** For the node to be mended, and not an answer to what was sent. */
const FLOOR_DAMAGED = {
  ok: false,
  error: {
    code: "signed-floor-damaged",
    message:
      "which serials are closed out is not known any more: serial-floors.json in state_dir is damaged; remove it, and this document is where it starts anew",
    retriable: true,
  },
} as const;

function refuse(code: string, message: string): Extract<CheckedDocument, { ok: false }> {
  return { ok: false, error: { code, message } };
}
