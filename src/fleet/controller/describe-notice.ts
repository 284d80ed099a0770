import type { RolloutState } from "../../core/fleet/rollout-state.ts";
import type { ControllerNotice } from "./controller-notice.ts";

/** A line of a log. */
export interface NoticeLine {
  readonly level: "info" | "warn" | "error";
  readonly message: string;
  readonly fields: Readonly<Record<string, string | number>>;
}

export function describeControllerNotice(notice: ControllerNotice): NoticeLine {
  switch (notice.kind) {
    case "leads":
      return line("info", "this controller leads the fleet", {});
    case "leads-no-more":
      return line("info", `this controller leads no more: ${notice.why}`, {});
    case "blind": {
      const seconds = Math.round(notice.ageMs / 1000);
      return line("warn", `the records are ${seconds} s old: nothing is decided by them`, {});
    }
    case "decided":
      return describeDecision(notice);
    case "in-doubt":
      return line("error", `nothing is decided for the channel: ${notice.doubt}`, {
        channel: notice.channel,
      });
    case "failed":
      return line(
        "warn",
        `${notice.what} could not be written, and is tried again: ${notice.error.message}`,
        {
          code: notice.error.code,
        },
      );
    case "bug":
      return line(
        "error",
        `internal error, please report it; the rollout stands still: ${wordsOf(notice.error)}`,
        {
          rollout: notice.rollout,
        },
      );
    default:
      return notice satisfies never;
  }
}

function describeDecision({
  rollout,
  before,
  state,
}: Extract<ControllerNotice, { readonly kind: "decided" }>): NoticeLine {
  const { halted } = state;
  const hasHalted = halted !== undefined && before.phase !== state.phase;
  if (hasHalted && (state.phase === "halted" || state.phase === "reverting")) {
    const next = state.phase === "halted" ? "nobody else is told" : "nodes get back what they had";
    const fields = { rollout, code: halted.code, nodes: halted.evidence.nodes.join(",") };
    return line("error", `the rollout halts, ${next}: ${halted.message}`, fields);
  }
  return line("info", describeStep(before, state), { rollout, phase: state.phase, wave: state.wave + 1 });
}

function describeStep(before: RolloutState, state: RolloutState): string {
  if (state.phase === "done") return "the rollout is over: what it brought is stable";
  if (state.phase === "reverted")
    return state.left === undefined
      ? "the rollout is taken back"
      : `the rollout is taken back, but for ${state.left.count} nodes`;
  if (state.phase === "halted")
    return state.halted?.wave === undefined
      ? `all that had been asked have answered since the halt: ${state.halted?.evidence.count ?? 0} did not say yes`
      : `all that had been told have answered since the halt: ${state.halted.evidence.count} did not do well`;
  if (state.bakingMs !== undefined && before.bakingMs === undefined)
    return `enough of wave ${state.wave + 1} are done: it is watched`;
  return `wave ${state.wave + 1} begins`;
}

function line(level: NoticeLine["level"], message: string, fields: NoticeLine["fields"]): NoticeLine {
  return { level, message, fields };
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
