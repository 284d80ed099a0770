import { answerFinally } from "./answer-finally.ts";
import { clean } from "./judge-pass.ts";
import type { KeeperContext, Trying, Waiting } from "./keeper-context.ts";
import type { Tried } from "./try-document.ts";

/** Tries a document beside all else, and answers when that is over; what is dropped meanwhile has no answer. */
export function startTrying(context: KeeperContext, { assignment, envelope, serial }: Waiting): void {
  const { arrived, run, stopping, ports } = context;
  const abort = new AbortController();
  const mine: Trying = { assignment, abort };
  arrived.trying = mine;
  const conclude = (tried: Tried): Promise<void> =>
    run(async () => {
      if (arrived.trying !== mine) return;
      arrived.trying = undefined;
      const phase = tried.ok ? "preflight-ok" : "preflight-failed";
      await answerFinally(context, { ...assignment, serial }, phase, tried);
    });
  context
    .tryDocument(envelope, assignment.digest, AbortSignal.any([abort.signal, stopping]))
    .catch(brokenOff)
    .then(conclude)
    .catch((error: Error) => ports.log.error({ error: error.message }, "a preflight has no end"));
}

function brokenOff({ message }: Error): Tried {
  const error = { code: "preflight-error", message: clean(message), retriable: true } as const;
  return { ok: false, error, items: [] };
}
