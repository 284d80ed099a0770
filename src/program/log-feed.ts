import type { Log } from "../agent/ports.ts";
import type { FeedEvent } from "../fleet/server/feed-events.ts";

/** What of a feed server's events an operator reads. Ten thousand nodes that connect are no lines, only counts. */
export function logFeed(log: Log, uptimeMs: () => number): (event: FeedEvent) => void {
  const rarely = sayRarely(uptimeMs);
  return (event) => {
    switch (event.kind) {
      case "seat":
        if (event.id !== undefined) log.info({ server: event.id }, "the fleet knows this server");
        else
          log.warn(
            {},
            "this server has lost its place in the fleet: nodes keep their streams and are entered anew",
          );
        return;
      case "clock": {
        const offSeconds = Math.round(event.offMs / 1_000);
        if (!event.isOff)
          log.info({ offSeconds }, "the clocks of this machine and of the controller agree again");
        else
          log.error(
            { offSeconds },
            "this machine's clock and the controller's are too far apart: rollouts stand still here until whichever is wrong is put right",
          );
        return;
      }
      case "stream-refused": {
        const { why, peer, message } = event;
        rarely(`refused ${why}`, (more) =>
          log.warn({ why, peer, more }, `a stream was turned away: ${message}`),
        );
        return;
      }
      case "connection-dropped":
        rarely(`dropped ${event.why}`, (more) =>
          log.warn({ why: event.why, more }, "connections were dropped before their handshake"),
        );
        return;
      case "cloned":
        rarely(`cloned ${event.node}`, (more) =>
          log.warn(
            { node: event.node, more },
            "two processes use the id of this node in turns: it has been copied, with its certificate",
          ),
        );
        return;
      case "engine-error":
        rarely("engine", (more) =>
          log.warn({ error: event.message, more }, "the engine has not taken something; it is tried again"),
        );
        return;
      case "bundle-missing":
        rarely(`bundle ${event.digest}`, (more) =>
          log.error({ digest: event.digest, more }, `nodes wait for a signed state: ${event.message}`),
        );
        return;
      case "broken-record":
        log.error({ key: event.key, error: event.message }, "a record of the fleet cannot be read");
        return;
      case "stream-ended":
        if (event.why === "stuck" || event.why === "denied" || event.why === "bad-message")
          log.info({ node: event.node, why: event.why }, "a stream was ended");
        return;
      case "throttled":
        rarely(`throttled ${event.node}`, (more) =>
          log.warn({ node: event.node, more }, "this node says too much, and is read more slowly"),
        );
        return;
      case "assigned":
        log.debug({ node: event.node, mode: event.mode, assignment: event.id }, "told a node what to do");
        return;
      default:
        return;
    }
  };
}

const PAUSE_MS = 30_000;
const MOST_KEPT = 1_000;

/** Of the same kind one line in half a minute, with how many there were since. */
function sayRarely(uptimeMs: () => number) {
  const said = new Map<string, { atMs: number; more: number }>();
  return (key: string, say: (more: number) => void): void => {
    const before = said.get(key);
    const nowMs = uptimeMs();
    if (before !== undefined && nowMs - before.atMs < PAUSE_MS) {
      before.more++;
      return;
    }
    if (said.size >= MOST_KEPT) said.clear();
    said.set(key, { atMs: nowMs, more: 0 });
    say(before?.more ?? 0);
  };
}
