import { type ControllerStatus, createControllerBoard } from "./controller-board.ts";
import { CONTROLLER_PACE, type ControllerOptions } from "./controller-options.ts";
import { lead } from "./lead.ts";
import { seekLead } from "./seek-lead.ts";
import { watchBakes } from "./watch-bakes.ts";
import { watchFreshness } from "./watch-freshness.ts";

export interface Controller {
  status(): ControllerStatus;
  /** Gives the lead back, so that another one has it at once. */
  stop(): Promise<void>;
}

/**
 * Takes part in leading a fleet: of all that do, one leads, and takes rollouts on, halts them, and ends them. It can be
 * killed at any moment: all it goes by is in the engine, each step is one transaction, and each is made only by the one
 * that leads.
 */
export function startController(options: ControllerOptions): Controller {
  const stopping = new AbortController();
  const board = createControllerBoard((notice) => options.onNotice?.(notice));
  // Rejects only with what is wrong in the program, and then nobody should be able to overlook it.
  const ended = takePart(options, board, stopping.signal);
  return {
    status: board.status,
    async stop() {
      stopping.abort();
      await ended;
    },
  };
}

async function takePart(
  options: ControllerOptions,
  board: ReturnType<typeof createControllerBoard>,
  signal: AbortSignal,
): Promise<void> {
  const { followed, uptimeMs, onNotice } = options;
  const pace = { ...CONTROLLER_PACE, ...options.pace };
  const look = watchFreshness(followed.ageMs, uptimeMs, pace);
  // Who stands by watches too, and goes on with what it has seen.
  const bakes = watchBakes(uptimeMs);
  while (!signal.aborted) {
    const held = await seekLead(options, pace, look, bakes, signal);
    if (held === undefined) return;
    board.role("leading");
    onNotice?.({ kind: "leads" });
    try {
      const why = await lead(options, pace, held, look, bakes, board, signal);
      onNotice?.({ kind: "leads-no-more", why });
    } finally {
      board.role("standing-by");
      await held.lease.end();
    }
  }
}
