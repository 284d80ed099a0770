import { during, type Happening } from "./timeline.ts";

/** A pull as the client of containerd saw it. */
export interface PullRecord {
  readonly image: string;
  readonly registry: string;
  /** Whether any host has it. */
  readonly exists: boolean;
  readonly fromMs: number;
  readonly toMs: number;
  /** The client gave up then. */
  readonly deadlineMs: number;
  /** Of gRPC and containerd; undefined: it went well. */
  readonly error?: { readonly code: string; readonly message: string };
}

/** Why a pull ended as it did; only `unexplained` and `impossible` are faults. */
export type Cause =
  | "served"
  | "missing"
  | "restart by the agent"
  | "restart by others"
  | "mirror never answered"
  | "mirror cut the answer"
  | "files changed by others"
  /** It failed although hosts that have the image worked. */
  | "unexplained"
  /** An image that nobody has was pulled. */
  | "impossible";

/**
 * Every image that exists can be had at any time from a host that works: the upstream, or the steady mirror where the
 * upstream is closed. So a pull of one has no reason to fail but those that are not the agent's.
 */
export function causeOf(pull: PullRecord, timeline: readonly Happening[]): Cause {
  if (pull.error === undefined) return pull.exists ? "served" : "impossible";
  if (!pull.exists) return "missing";
  const then = during(timeline, pull.fromMs, pull.toMs);
  const restart = restartOf(pull, timeline);
  if (restart?.kind === "restart") return `restart by ${restart.by === "agent" ? "the agent" : "others"}`;
  if (then.some((each) => each.kind === "drift" && each.registry === pull.registry))
    return "files changed by others";
  const moods = then.flatMap((each) => (each.kind === "mood" ? [each.mood] : []));
  const timedOut = pull.toMs - pull.fromMs >= pull.deadlineMs - 500;
  if (timedOut && moods.includes("hang")) return "mirror never answered";
  // Between the headers and the end of a body there is no way back to another host on every containerd.
  const wasCut = /unexpected EOF|connection reset|broken pipe/.test(pull.error.message);
  if (wasCut && moods.some((mood) => mood === "down" || mood === "reset" || mood === "hang"))
    return "mirror cut the answer";
  return "unexplained";
}

/** A daemon that ends has closed its connections, and taken its socket away, some time before it is seen to be gone. */
const ENDING_MS = 1_000;

function restartOf({ fromMs, toMs, error }: PullRecord, timeline: readonly Happening[]) {
  const wasCutOff = error?.code === "UNAVAILABLE";
  const then = during(timeline, fromMs, toMs + (wasCutOff ? ENDING_MS : 0));
  return then.find((each) => each.kind === "restart");
}
