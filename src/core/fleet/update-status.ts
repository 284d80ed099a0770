import { shorten } from "../shorten.ts";
import type { Assignment } from "./assignment.ts";
import type { Bundle } from "./bundle.ts";
import { FLEET_LIMITS } from "./fleet-limits.ts";
import {
  type Connection,
  type NodeError,
  type NodeSource,
  type NodeStatus,
  nameStream,
  type Offer,
  type PreflightAnswer,
  type Refused,
  type Unwell,
} from "./node-status.ts";
import { isFinal, isRefusal, type Phase } from "./phase.ts";
import { isSameRefusal } from "./stable-id.ts";

/** What a node says of itself, in Hello and in every report. */
export interface NodeView {
  readonly running?: Bundle;
  readonly source: NodeSource;
  readonly refused: readonly Refused[];
  readonly unwell?: Unwell;
  readonly isDrifted: boolean;
  /** Absent: it has not looked yet. */
  readonly containerd?: string;
  /** Absent: it says nothing of pulls. */
  readonly evidence?: {
    /** Host namespaces that were pulled from through mirrors since what runs came into force, */
    readonly proven: readonly string[];
    /** and those that were not. */
    readonly open: readonly string[];
  };
}

export interface Versions {
  readonly agent: string;
  readonly containerd: string;
}

/** An answer to an assignment. */
export interface NodeReport {
  readonly assignmentId: string;
  readonly phase: Phase;
  /** As it is when this is said, also where the answer is an older one. */
  readonly view: NodeView;
  readonly error?: NodeError;
  /** Host namespaces that changed and that nothing was pulled from. */
  readonly unproven: readonly string[];
}

/**
 * A stream has begun. An agent that restarts is another process from then on; where the one before comes back, two are
 * alive, and the machine is cloned.
 */
export function connectNode(
  before: NodeStatus | undefined,
  node: string,
  connection: Connection,
  versions: Versions,
  view: NodeView,
): NodeStatus {
  const { offer, preflight, refused = [], instances = [], cloned } = before ?? {};
  const isSameProcess = instances[0] === connection.instance;
  const isClone = isSameProcess ? cloned === true : instances.includes(connection.instance);
  // Its agent knows of nothing: it was installed anew.
  const isNew = !isSameProcess && view.running === undefined && view.refused.length === 0;
  return {
    ...viewOf(view, isNew ? [] : refused),
    node,
    connection,
    instances: isSameProcess ? instances : [connection.instance, ...instances].slice(0, 2),
    seenMs: connection.sinceMs,
    agent: clip(versions.agent, FLEET_LIMITS.version),
    containerd: clip(view.containerd ?? versions.containerd, FLEET_LIMITS.version),
    ...(offer && { offer }),
    ...(preflight && { preflight }),
    ...(isClone && { cloned: true as const }),
  };
}

/** The stream of `instance` has ended; that of another process is not concerned. */
export function disconnectNode(before: NodeStatus, instance: string, nowMs: number): NodeStatus {
  const { connection, ...rest } = before;
  return connection?.instance === instance ? { ...rest, seenMs: nowMs } : before;
}

/**
 * An assignment is about to be sent on the node's stream: durable before it leaves. Said again before it is
 * over, it keeps its first time, by which silence is told, its token and its answer; after that it is asked anew.
 */
export function recordOffer(before: NodeStatus, assignment: Assignment, nowMs: number): NodeStatus {
  const { connection } = before;
  if (connection === undefined) return before;
  const { id, rolloutId, attempt, mode, bundle, needsToken } = assignment;
  const again = before.offer?.id === id && !isFinal(before.offer.phase) ? before.offer : undefined;
  const offer: Offer = {
    unproven: [],
    unprovenMore: 0,
    ...again,
    id,
    ...(rolloutId !== undefined && { rolloutId }),
    attempt,
    mode,
    digest: bundle.digest,
    serial: bundle.serial,
    sentMs: again?.sentMs ?? nowMs,
    resentMs: nowMs,
    sentOn: nameStream(connection),
    ...(needsToken && { owner: connection.server }),
    ...((again?.wasUnwell ?? before.unwell !== undefined) && { wasUnwell: true as const }),
  };
  return { ...before, offer };
}

/** News of the node itself, without an answer. */
export function recordView(before: NodeStatus, view: NodeView, nowMs: number): NodeStatus {
  const status = withoutOld({ ...before, ...viewOf(view, before.refused), seenMs: nowMs }, view);
  return withProof(status, view);
}

/** A soak may be over before anybody has pulled: what is pulled later proves it as well, for as long as that runs. */
function withProof(status: NodeStatus, { running, evidence }: NodeView): NodeStatus {
  const { offer } = status;
  if (offer === undefined || running?.digest !== offer.digest || evidence === undefined) return status;
  const unproven = offer.unproven.filter((namespace) => !evidence.proven.includes(namespace));
  // Those without a name here are among the open ones, or proven by now.
  const others = evidence.open.filter((namespace) => !offer.unproven.includes(namespace));
  return {
    ...status,
    offer: { ...offer, unproven, unprovenMore: Math.min(offer.unprovenMore, others.length) },
  };
}

/** What the node says of itself always counts; its answer only if it is to the assignment last sent, and not final yet. */
export function recordReport(before: NodeStatus, report: NodeReport, nowMs: number): NodeStatus {
  const { offer } = before;
  const { phase, view, assignmentId } = report;
  const status = recordView(before, view, nowMs);
  if (offer?.id !== assignmentId || isFinal(offer.phase) || phase === "drifted") return status;
  const answered = { ...status, offer: answer(offer, report, nowMs) };
  if (offer.mode === "preflight") return { ...answered, ...preflightOf(offer, report) };
  return isRefusal(phase) ? { ...answered, refused: addRefusal(status.refused, offer) } : answered;
}

function answer(offer: Offer, { phase, error, unproven }: NodeReport, nowMs: number): Offer {
  const { error: _, ...rest } = offer;
  return {
    ...rest,
    phase,
    phaseMs: nowMs,
    ...(error && { error: clipError(error) }),
    unproven: unproven.slice(0, FLEET_LIMITS.namespaces),
    unprovenMore: Math.max(0, unproven.length - FLEET_LIMITS.namespaces),
  };
}

function preflightOf(
  { rolloutId, attempt }: Offer,
  { phase, error }: NodeReport,
): { readonly preflight?: PreflightAnswer } {
  if (rolloutId === undefined || !isFinal(phase)) return {};
  const ok = phase === "preflight-ok";
  return { preflight: { rolloutId, attempt, ok, ...(error && { error: clipError(error) }) } };
}

function viewOf(view: NodeView, known: readonly Refused[]) {
  const { running, source, unwell, isDrifted, containerd } = view;
  const fresh = view.refused.filter(
    (one, index) =>
      !known.some((other) => isSameRefusal(one, other)) &&
      !view.refused.some((other, at) => at > index && isSameRefusal(one, other)),
  );
  return {
    ...(running && { running: { digest: running.digest, serial: running.serial } }),
    source,
    ...(containerd !== undefined && { containerd: clip(containerd, FLEET_LIMITS.version) }),
    refused: [...known, ...fresh].slice(-FLEET_LIMITS.refusals),
    ...(unwell && { unwell: { verdict: unwell.verdict, namespace: clip(unwell.namespace) } }),
    ...(isDrifted && { drifted: true as const }),
  };
}

/** What the node has stopped saying. */
function withoutOld(status: NodeStatus, view: NodeView): NodeStatus {
  const { running, unwell, drifted, ...rest } = status;
  return {
    ...rest,
    ...(view.running && running && { running }),
    ...(view.unwell && unwell && { unwell }),
    ...(view.isDrifted && drifted && { drifted }),
  };
}

function addRefusal(refused: readonly Refused[], { digest, id }: Offer): readonly Refused[] {
  const one = { digest, assignmentId: id };
  return [...refused.filter((other) => !isSameRefusal(one, other)), one].slice(-FLEET_LIMITS.refusals);
}

function clipError({ code, message, item }: NodeError): NodeError {
  return { code: clip(code), message: clip(message), ...(item !== undefined && { item: clip(item) }) };
}

/** One printable line. */
function clip(text: string, length: number = FLEET_LIMITS.message): string {
  return shorten(text, length).replace(/[\p{Cc}\p{Surrogate}]/gu, " ");
}
