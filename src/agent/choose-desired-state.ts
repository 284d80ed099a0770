import type { LegacyRegistry } from "../core/containerd/config/legacy-registry.ts";
import { checkMassRemoval } from "../core/desired-state/check-mass-removal.ts";
import type { DesiredState } from "../core/desired-state/desired-state.ts";
import { formatIssue, hasErrors, type Issue, type Place } from "../core/issue.ts";
import type { VerifiedState } from "../core/signing/check-signed-state.ts";
import type { ApplyRecord } from "./apply-record.ts";
import { isGivenUp, MAX_TRIES } from "./count-tries.ts";
import { describeGeneration } from "./describe-generation.ts";
import { namespacesInForce } from "./namespaces-in-force.ts";
import type { PassContext } from "./pass-context.ts";
import { type PreflightReport, preflight } from "./preflight.ts";
import type { Condition } from "./report.ts";

/** The document that the feed has chosen for this node, whatever came of reading it. */
export interface AskedByFeed {
  /** Of its signed payload. */
  readonly digest: string;
  /** Somebody has assigned it anew: it is tried although it has failed here before. */
  readonly isNewTry: boolean;
  /** It has stood its soak. */
  readonly isSoaked: boolean;
}

/** What the source said, read and checked. */
export type Wanted =
  | {
      readonly kind: "state";
      readonly feed?: AskedByFeed;
      readonly state: DesiredState;
      /** Digest of the resolved state, files it names included. */
      readonly digest: string;
      readonly issues: readonly Issue[];
      /** Where findings about the document as a whole point. */
      readonly at: Place;
      /** Files it names. */
      readonly inputs: readonly string[];
      /** Who has signed what it was read from; undefined: nobody, or nobody has to. */
      readonly verified?: VerifiedState;
    }
  /** There is no valid desired state now: absent, unreadable, refused or wrong. */
  | {
      readonly kind: "none";
      readonly feed?: AskedByFeed;
      readonly message: string;
      readonly issues: readonly Issue[];
      readonly inputs: readonly string[];
      /** When it may be another by itself. */
      readonly retryMs?: number;
    }
  /** Nothing else than what is in force: somebody has pinned it, or the feed has not said anything yet. */
  | {
      readonly kind: "kept";
      readonly condition: Condition;
      readonly issues: readonly Issue[];
      readonly inputs: readonly string[];
    };

/** Which desired state this pass brings into force. */
export interface Choice {
  /** The new one, or the last good one while the new one is rejected; undefined: neither. */
  readonly desired: DesiredState | undefined;
  readonly digest: string;
  /** True when `desired` is not the one already in force. */
  readonly fresh: boolean;
  /** Why the last good state stands although something else is wanted. */
  readonly rejection?: string;
  readonly quarantined: boolean;
  readonly issues: readonly Issue[];
  readonly criCredentialHosts: readonly string[];
  readonly undecidedHosts: readonly string[];
  readonly migratedBefore: readonly LegacyRegistry[];
  readonly retryMs?: number;
  /** Who has signed `desired`, where that is what is wanted. */
  readonly verified?: VerifiedState;
  /** What is in force is what is wanted, whatever it came from. */
  readonly kept?: Condition;
  readonly feed?: AskedByFeed;
}

const PREFLIGHT_RETRY_MS = 30_000;

/** Last good stands: whatever is wrong with the new desired state, the one in force stays in force. */
export async function choose(wanted: Wanted, record: ApplyRecord, context: PassContext): Promise<Choice> {
  if (wanted.kind === "none") {
    const { message, retryMs } = wanted;
    const choice = await lastGood(message, wanted.issues, record, context);
    return retryMs === undefined ? choice : { ...choice, retryMs };
  }
  if (wanted.kind === "kept") {
    const { rejection: _none, ...kept } = await lastGood("", wanted.issues, record, context);
    return { ...kept, kept: wanted.condition };
  }
  const { state, digest, issues, verified, feed } = wanted;
  const fresh = record.digest !== digest;
  const mayRetry = context.retryQuarantined || feed?.isNewTry === true;
  const quarantined = record.quarantine?.digest === digest && !mayRetry;
  // A state in force that could not be repaired is still what is wanted: only the bytes that failed are left alone.
  if (quarantined && fresh) {
    const message = record.quarantine?.message;
    const rejection = `${describeGeneration(state.generation)} failed on this node and is not tried again until it changes: ${message}`;
    return { ...(await lastGood(rejection, issues, record, context)), quarantined: true };
  }
  if (fresh && isGivenUp(record, digest) && !mayRetry) {
    const rejection = `${describeGeneration(state.generation)} was tried ${MAX_TRIES} times, and the agent ended each time before it was done: it is skipped until it changes, or until mirrorlet apply is run by hand`;
    return lastGood(rejection, issues, record, context);
  }
  const settled = {
    desired: state,
    digest,
    fresh,
    quarantined,
    migratedBefore: record.migrated,
    ...(verified && { verified }),
    ...(feed && { feed }),
  };
  if (!fresh) return { ...settled, issues, ...(await standing(state, record, context)) };

  const removal = checkMassRemoval(await namespacesInForce(record, context), state, wanted.at);
  if (hasErrors(removal)) {
    const text = removal.map(formatIssue).join("; ");
    return lastGood(text, [...issues, ...removal], record, context);
  }
  const report = await ask(state, context);
  if (report.rejections.length > 0) {
    const rejection = `preflight: ${report.rejections.join("; ")}`;
    return { ...(await lastGood(rejection, issues, record, context)), retryMs: PREFLIGHT_RETRY_MS };
  }
  for (const warning of report.warnings) context.ports.log.warn({ check: "preflight" }, warning);
  return { ...settled, issues, ...credentialHosts(state, report, record, context) };
}

/** A mirror that was down when it was asked how it wants its credential is asked again. */
async function standing(
  state: DesiredState,
  record: ApplyRecord,
  context: PassContext,
): Promise<CredentialHosts> {
  const undecided = new Set(context.config.credentials === "auto" ? record.undecidedHosts : []);
  const registries = state.registries.map(({ namespace, mirrors, upstream }) => ({
    namespace,
    mirrors: mirrors.filter(({ host }) => undecided.has(host)),
    upstream,
  }));
  const { prober } = context.ports;
  const report = await preflight({ ...state, registries }, "challenge-only", prober, context.signal);
  return credentialHosts(state, report, record, context, (host) => undecided.has(host));
}

type CredentialHosts = Pick<Choice, "criCredentialHosts" | "undecidedHosts">;

function ask(state: DesiredState, { config, ports, signal }: PassContext): Promise<PreflightReport> {
  const challengeOnly = config.preflight === "off" && config.credentials === "auto";
  return preflight(state, challengeOnly ? "challenge-only" : config.preflight, ports.prober, signal);
}

/** A host that could not be asked now keeps the way its credential went before. */
function credentialHosts(
  state: DesiredState,
  report: PreflightReport,
  record: ApplyRecord,
  { config }: PassContext,
  mayAsk: (host: string) => boolean = () => true,
): CredentialHosts {
  const mirrors = state.registries.flatMap((registry) => registry.mirrors);
  const hosts = [
    ...new Set(mirrors.filter((mirror) => mirror.credential !== undefined).map((mirror) => mirror.host)),
  ];
  if (config.credentials === "header") return { criCredentialHosts: [], undecidedHosts: [] };
  if (config.credentials === "cri") return { criCredentialHosts: hosts, undecidedHosts: [] };
  const asked = new Set(report.askedHosts);
  return {
    criCredentialHosts: hosts.filter((host) =>
      asked.has(host) ? report.tokenHosts.includes(host) : record.criCredentialHosts.includes(host),
    ),
    undecidedHosts: hosts.filter((host) => !asked.has(host) && mayAsk(host)),
  };
}

async function lastGood(
  rejection: string,
  issues: readonly Issue[],
  record: ApplyRecord,
  { state }: PassContext,
): Promise<Choice> {
  return {
    desired: await state.loadLastKnownGood(),
    digest: record.digest ?? "",
    fresh: false,
    rejection,
    quarantined: false,
    issues,
    criCredentialHosts: record.criCredentialHosts,
    undecidedHosts: record.undecidedHosts,
    migratedBefore: record.migrated,
  };
}
