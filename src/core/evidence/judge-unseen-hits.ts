import type { WatchedRegistry } from "./evidence-report.ts";
import { judgeByWitness } from "./judge-by-witness.ts";
import type { Pull, WitnessHit } from "./pull.ts";
import { isServed } from "./recent-pull.ts";
import type { UnseenHits } from "./take-traced-hits.ts";

/**
 * A pull of which a trace shows no host but mirrors, seen with what the witness saw meanwhile. A hit of its own makes
 * it a mixed one. One in doubt may be of another pull of the repository: then this one proves nothing, which is
 * undefined, unless a mirror served it that very object.
 */
export function judgeUnseenHits(
  pull: Pull,
  { proven, doubtful }: UnseenHits,
  watched: WatchedRegistry | undefined,
): Pull | undefined {
  if (pull.path !== "mirror" && pull.path !== "none") return pull;
  if (proven.length > 0) {
    const { path, reason } = judgeByWitness({ hits: proven, fetched: undefined, skipped: [] }, watched);
    const told = reason === undefined ? {} : { reason };
    return { ...pull, ...told, path: pull.path === "mirror" ? "mixed" : path };
  }
  if (pull.path === "none") return pull;
  const isAnswered = (hit: Pick<WitnessHit, "method" | "object">): boolean =>
    pull.requests.some(
      (request) =>
        request.role === "mirror" &&
        request.method === hit.method &&
        request.object === hit.object &&
        isServed(request),
    );
  return doubtful.every((hit) => hit.from === "log" || isAnswered(hit)) ? pull : undefined;
}
