import type { SourceFile } from "../desired-state/source-file.ts";
import type { Issue } from "../issue.ts";
import {
  checkSignedState,
  issueAt,
  openPayload,
  type SigningPorts,
  signedSourceFile,
  type VerifiedState,
} from "./check-signed-state.ts";
import { isEnvelope, readEnvelope } from "./envelope.ts";
import type { SignedNode, Standing } from "./judge-signed-state.ts";
import type { Trust } from "./verify-signatures.ts";

/** What agent.toml says of who may write the desired state. */
export interface Acceptance {
  /** Undefined: no keys are configured, and nobody has to have signed. */
  readonly trust: Trust | undefined;
  /** `trust.unsigned_files` */
  readonly unsignedFiles: boolean;
  /** Nothing on the node follows: what cannot be checked is told and no more. */
  readonly isLook: boolean;
  readonly node: SignedNode;
  readonly standingOf: (fleet: string, channel: string) => Standing | "damaged";
}

export type AcceptedSources =
  | {
      readonly ok: true;
      /** What is to be read as desired state. */
      readonly files: readonly SourceFile[];
      /** Undefined: it is not signed, or nobody has checked. */
      readonly verified?: VerifiedState;
      /** Warnings. */
      readonly issues: readonly Issue[];
    }
  | { readonly ok: false; readonly issues: readonly Issue[]; readonly notBeforeMs?: number };

/**
 * The desired state that the files of one source bring, once it is sure that they may. A signed document stands alone:
 * several could each be valid and together be something that nobody has signed.
 */
export function acceptSources(
  files: readonly SourceFile[],
  acceptance: Acceptance,
  ports: SigningPorts,
): AcceptedSources {
  const signed = files.find(({ bytes }) => isEnvelope(bytes));
  if (signed === undefined) return acceptUnsigned(files, acceptance);
  if (files.length > 1) return refuse(notAlone(signed.name, files));
  return acceptance.trust === undefined
    ? openUnchecked(signed, acceptance)
    : check(signed, acceptance, acceptance.trust, ports);
}

function acceptUnsigned(files: readonly SourceFile[], acceptance: Acceptance): AcceptedSources {
  const [first] = files;
  const { trust, unsignedFiles, isLook } = acceptance;
  // Somebody who looks may be about to sign it.
  if (first === undefined || trust === undefined || unsignedFiles || isLook)
    return { ok: true, files, issues: [] };
  const message = "nobody has signed it, and trust.keys says who has to; nothing of it is applied";
  const fix = "sign it (mirrorlet fleet sign), or say trust.unsigned_files = true in agent.toml";
  return refuse(issueAt(first.name, "unsigned", message, fix));
}

function openUnchecked({ name, bytes }: SourceFile, { isLook, unsignedFiles }: Acceptance): AcceptedSources {
  if (!isLook && !unsignedFiles) {
    const message = "it is signed, and no trust.keys are there to check that with; nothing of it is applied";
    const fix = "put the public keys into trust.keys of agent.toml, or say trust.unsigned_files = true there";
    return refuse(issueAt(name, "signed-unchecked", message, fix));
  }
  const read = readEnvelope(bytes, name);
  if (!read.ok) return refuse(read.issue);
  const opened = openPayload(read.envelope, name);
  if (!opened.ok) return opened;
  const message = "its signatures were not checked: there are no trust.keys";
  const fix = "put the public keys into trust.keys of agent.toml";
  return {
    ok: true,
    files: [signedSourceFile(opened, name)],
    issues: [issueAt(name, "signed-unchecked", message, fix, "warning")],
  };
}

function check(
  { name, bytes }: SourceFile,
  { node, standingOf }: Acceptance,
  trust: Trust,
  ports: SigningPorts,
): AcceptedSources {
  let isDamaged = false;
  const standing = (fleet: string, channel: string): Standing => {
    const found = standingOf(fleet, channel);
    isDamaged = found === "damaged";
    return found === "damaged" ? NO_STANDING : found;
  };
  const result = checkSignedState(bytes, name, { trust, node }, standing, ports);
  if (isDamaged) return refuse(floorDamaged(name));
  if (!result.ok) return result;
  const { verified } = result;
  return { ok: true, files: [signedSourceFile(verified, name)], verified, issues: [] };
}

/** For whom only signatures, fleet, channel and audience count. */
export const NO_STANDING: Standing = { floor: 0, runningDigest: undefined, nowMs: undefined };

function notAlone(name: string, files: readonly SourceFile[]): Issue {
  const others = files.length - 1;
  const message = `it is signed, and ${others === 1 ? "another file is" : `${others} other files are`} given with it: nobody has signed them together, so nothing is applied`;
  return issueAt(name, "signed-not-alone", message, "give the signed document alone; sign all files as one");
}

function floorDamaged(name: string): Issue {
  const message =
    "which serials are closed out is not known any more: serial-floors.json in state_dir is damaged, and so it cannot be told from a replay; nothing of it is applied";
  const fix =
    "see that it is the newest, remove that file, and trigger a pass: it starts anew with this document";
  return issueAt(name, "signed-floor-damaged", message, fix);
}

function refuse(issue: Issue): AcceptedSources {
  return { ok: false, issues: [issue] };
}
