import type { EvidenceKeeper } from "../agent/evidence/evidence-keeper.ts";
import { isReady } from "../agent/report.ts";
import type { StatusBoard } from "../agent/status-board.ts";
import { assessConfig } from "../agent/status-document.ts";
import type { EvidenceFacts } from "../edge/evidence-metrics.ts";
import type { FeedFacts } from "../edge/feed/feed-metrics.ts";
import { healthJsonRoute } from "../edge/health-json.ts";
import { type HealthCheck, healthRoutes } from "../edge/health-routes.ts";
import type { Route } from "../edge/http-routes.ts";
import { statusRoutes } from "../edge/status-routes.ts";
import type { FeedRun } from "./run-feed.ts";

/** Everything that is answered over HTTP, the metrics and the receivers of evidence excepted. */
export function agentRoutes(board: StatusBoard, keeper: EvidenceKeeper): readonly Route[] {
  const status = () => board.status();
  return [...healthRoutes(readinessChecks(board, keeper)), healthJsonRoute(status), ...statusRoutes(status)];
}

export function evidenceFacts(
  board: StatusBoard,
  keeper: EvidenceKeeper,
  traces: EvidenceFacts["traces"],
): EvidenceFacts {
  return { report: keeper.report(), requests: keeper.requests(), findings: board.findings(), traces };
}

export function feedFacts(feed: FeedRun | undefined): FeedFacts {
  const status = { address: "", isConnected: false, sinceMs: 0, message: "", streams: 0 };
  return { status: feed?.status() ?? status, answers: feed?.answers() ?? new Map() };
}

/**
 * `/readyz`: the first pass is over, what is wanted is in force, and every source of evidence that was started has
 * told how it is. Trouble with mirrors and pulls fails nothing here: that is `/health`.
 */
function readinessChecks(board: StatusBoard, keeper: EvidenceKeeper): readonly HealthCheck[] {
  return [
    {
      name: "first-pass",
      check: () => ({
        ok: board.latest !== undefined,
        message: board.latest === undefined ? "no pass is over yet" : "",
      }),
    },
    {
      name: "desired-state",
      check() {
        if (board.latest === undefined) return { ok: false, message: "not known yet" };
        // What has expired stays in force: that is for `/health` to tell.
        const ok = isReady(board.latest);
        return { ok, message: ok ? "" : assessConfig(board.latest).output };
      },
    },
    {
      name: "evidence",
      check() {
        const silent = keeper.silentSources();
        if (silent.length > 0) return { ok: false, message: `not attached yet: ${silent.join(", ")}` };
        const { sources } = keeper.report();
        return {
          ok: true,
          message: sources.map(({ source, up }) => `${source} ${up ? "up" : "not up"}`).join(", "),
        };
      },
    },
  ];
}
