import { isRefusal, type Phase } from "../../core/fleet/phase.ts";
import type { Ports } from "../ports.ts";
import type { Answer } from "./feed-memory.ts";
import type { FeedAssignment, FeedError, FeedItem, FeedState, FeedStream } from "./feed-messages.ts";
import { newsKey } from "./news-key.ts";

type Subject = Pick<FeedAssignment, "id" | "digest">;

export interface Details {
  readonly error?: FeedError;
  readonly items?: readonly FeedItem[];
}

/** Says things to the feed, each of them once, where there is a stream; and remembers what it has said. */
export interface Speaker {
  /** Which assignment is held, and why; undefined: none is. */
  readonly held: { readonly id: string; readonly message: string } | undefined;
  /** Answers since the agent started, by phase. */
  readonly counts: ReadonlyMap<Phase, number>;
  opened(stream: FeedStream): void;
  closed(): void;
  /** Ends the stream for a new one, where there is one. */
  renew(reason: string): void;
  /** A phase on the way. Not kept: it is said again, as it is then, on the next stream. */
  say(subject: Subject, phase: Phase, details?: Details): void;
  /** Though it has been said. */
  sayAgain(subject: Subject, phase: Phase, details?: Details): void;
  /** What was held goes on; there is no word for that. */
  goOn(): void;
  /** A final answer that has just been decided. */
  conclude(answer: Answer): void;
  /** One that was decided before. */
  sendAnswer(answer: Answer): void;
  /** The state alone, which was asked for. */
  sendState(): void;
  /** News of the node itself, where something is another than was said last. */
  sendNews(phase?: Phase): void;
  /** Takes the assignments whose final answers have arrived, up to this number. */
  takeAcked(throughSeq: number): ReadonlySet<string>;
}

export function createSpeaker(
  describe: () => FeedState,
  { clock, log }: Pick<Ports, "clock" | "log">,
): Speaker {
  let stream: FeedStream | undefined;
  /** Final answers of this stream, by number. */
  const sent = new Map<number, string>();
  /** What was last said of the assignment under way, on this stream. */
  let said = "";
  let saidState = "";
  let held: Speaker["held"];
  const counts = new Map<Phase, number>();

  function send(
    { id, digest }: Subject,
    phase: Phase | undefined,
    { error, items = [] }: Details = {},
    atMs = clock.now(),
  ): number | undefined {
    if (stream === undefined) return undefined;
    const state = describe();
    saidState = newsKey(state);
    const what = { assignmentId: id, offeredDigest: digest, phase, state };
    return stream.send({ ...what, ...(error && { error }), items, atMs });
  }

  function note({ id }: Subject, phase: Phase, { error }: Details): boolean {
    const key = `${id} ${phase} ${error?.code ?? ""}`;
    held = phase === "held" ? { id, message: error?.message ?? "" } : undefined;
    const isNew = key !== said;
    said = key;
    return isNew;
  }

  function count(phase: Phase): void {
    counts.set(phase, (counts.get(phase) ?? 0) + 1);
  }

  function sendAnswer(answer: Answer): void {
    const { assignmentId: id, digest, phase, atMs } = answer;
    const seq = send({ id, digest }, phase, answer, atMs);
    if (seq !== undefined) sent.set(seq, id);
  }

  return {
    get held() {
      return held;
    },
    counts,
    opened(opened) {
      stream = opened;
      sent.clear();
      said = "";
      saidState = newsKey(describe());
    },
    closed() {
      stream = undefined;
      sent.clear();
    },
    renew: (reason) => stream?.renew(reason),
    say(subject, phase, details = {}) {
      if (!note(subject, phase, details)) return;
      count(phase);
      log.info(...logged(subject, phase, details.error));
      send(subject, phase, details);
    },
    sayAgain(subject, phase, details = {}) {
      note(subject, phase, details);
      log.debug(...logged(subject, phase, details.error));
      send(subject, phase, details);
    },
    goOn() {
      held = undefined;
    },
    conclude(answer) {
      const { assignmentId: id, phase, error } = answer;
      said = "";
      held = undefined;
      count(phase);
      const tell = isRefusal(phase) ? log.warn : log.info;
      tell(...logged({ id }, phase, error));
      sendAnswer(answer);
    },
    sendAnswer,
    sendState: () => void send(NODE, undefined),
    sendNews(phase) {
      if (stream === undefined || (phase === undefined && newsKey(describe()) === saidState)) return;
      send(NODE, phase);
    },
    takeAcked(throughSeq) {
      const acked = [...sent].filter(([seq]) => seq <= throughSeq);
      for (const [seq] of acked) sent.delete(seq);
      return new Set(acked.map(([, id]) => id));
    },
  };
}

/** No assignment, but the node itself. */
const NODE: Subject = { id: "", digest: "" };

function logged({ id }: Pick<Subject, "id">, phase: Phase, error: FeedError | undefined) {
  const fields = { assignment: id, phase, code: error?.code };
  return [fields, error?.message ?? "assignment of the feed"] as const;
}
