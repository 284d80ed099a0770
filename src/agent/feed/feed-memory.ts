import type { Bundle } from "../../core/fleet/bundle.ts";
import type { Phase } from "../../core/fleet/phase.ts";
import type { RestartEntry } from "../apply-record.ts";
import type { Ports } from "../ports.ts";
import { openSealedJson, sealJson } from "../sealed-json.ts";
import type { FeedAssignment, FeedError, FeedItem, FeedRejection } from "./feed-messages.ts";

/** What the agent keeps of the feed over restarts. */
export interface FeedMemory {
  /** What passes bring into force; undefined: the feed has given nothing yet, or it was refused and there was none before. */
  readonly selected?: Selection;
  /** The newest that has soaked: what is gone back to. */
  readonly good?: Bundle;
  /** The assignment that `selected` is the answer to, while it is under way. */
  readonly task?: Task;
  /** Final answers, the newest last: until they are acknowledged, and so that the same question gets the same answer. */
  readonly answers: readonly Answer[];
  /** The newest last. */
  readonly rejections: readonly FeedRejection[];
}

export interface Selection extends Bundle {
  /** It has stood its soak: what its signed floor closes out is closed out from then on. */
  readonly isSoaked: boolean;
}

export interface Task extends Omit<FeedAssignment, "envelope" | "spreadMs" | "mode"> {
  readonly serial: number;
  readonly began: RestartEntry;
  /** What is gone back to; undefined: what was there before the feed. */
  readonly before?: Bundle;
  /** A pass has been told to try it although it has failed here before. */
  readonly isTried: boolean;
  /** Short digests of the registries in force when it began, by host namespace. */
  readonly registriesBefore: Readonly<Record<string, string>>;
  /** Since it is in force. */
  readonly applied?: Applied;
  /** It is being taken back; this is said when that is over. */
  readonly ending?: { readonly phase: Phase; readonly error: FeedError };
}

export interface Applied extends RestartEntry {
  /** Wall clock, ms since the epoch: evidence has such times. */
  readonly atMs: number;
  /** Host namespaces that are another than before. */
  readonly changed: readonly string[];
  /** Host namespaces that had a bad verdict already. */
  readonly unwellBefore: readonly string[];
  /** By host namespace: the source that has shown a pull through it. */
  readonly observed: Readonly<Record<string, string>>;
  readonly isToldObserved: boolean;
}

export interface Answer {
  readonly assignmentId: string;
  readonly digest: string;
  readonly phase: Phase;
  readonly error?: FeedError;
  readonly items: readonly FeedItem[];
  readonly atMs: number;
  readonly isAcked: boolean;
}

export const EMPTY_MEMORY: FeedMemory = { answers: [], rejections: [] };

const MOST_ANSWERS = 64;
const MOST_REJECTIONS = 16;

/**
 * A second answer to the same assignment takes the place of the first. What the feed has acknowledged makes room before
 * what it has not.
 */
export function withAnswer(memory: FeedMemory, answer: Answer): FeedMemory {
  const others = memory.answers.filter(({ assignmentId }) => assignmentId !== answer.assignmentId);
  if (others.length < MOST_ANSWERS) return { ...memory, answers: [...others, answer] };
  const acked = others.findIndex(({ isAcked }) => isAcked);
  return { ...memory, answers: [...others.toSpliced(Math.max(acked, 0), 1), answer] };
}

export function withRejection(memory: FeedMemory, rejection: FeedRejection): FeedMemory {
  const others = memory.rejections.filter(
    ({ digest, assignmentId }) => digest !== rejection.digest || assignmentId !== rejection.assignmentId,
  );
  return { ...memory, rejections: [...others, rejection].slice(-MOST_REJECTIONS) };
}

export function withAcked(memory: FeedMemory, assignmentIds: ReadonlySet<string>): FeedMemory {
  const answers = memory.answers.map((answer) =>
    assignmentIds.has(answer.assignmentId) ? { ...answer, isAcked: true } : answer,
  );
  return { ...memory, answers };
}

export function withoutTask({ task: _over, ...rest }: FeedMemory): FeedMemory {
  return rest;
}

const SCHEMA = "mirrorlet.feed/v1";

export function encodeFeedMemory(memory: FeedMemory, sha256: Ports["sha256"]): Uint8Array {
  return sealJson(SCHEMA, memory, sha256);
}

/** Undefined when it is damaged: then the feed is asked anew, and what is in force stays. */
export function decodeFeedMemory(bytes: Uint8Array, sha256: Ports["sha256"]): FeedMemory | undefined {
  return openSealedJson(SCHEMA, bytes, sha256) as FeedMemory | undefined;
}
