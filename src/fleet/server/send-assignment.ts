import type { Assignment } from "../../core/fleet/assignment.ts";
import type { BundleCache } from "./bundle-cache.ts";
import type { ServerMessages } from "./encode-server-message.ts";
import type { FeedEvent } from "./feed-events.ts";
import type { Session } from "./node-entry.ts";

export interface SendDeps {
  readonly bundles: BundleCache;
  readonly messages: ServerMessages;
  readonly onEvent: (event: FeedEvent) => void;
}

/** With its document, where this stream has not brought it yet. */
export function sendAssignment(
  session: Session,
  assignment: Assignment,
  { bundles, messages, onEvent }: SendDeps,
): void {
  const { digest } = assignment.bundle;
  const isNeeded = assignment.mode !== "hold" && !session.known.has(digest);
  const envelope = isNeeded ? bundles.get(digest) : undefined;
  // It was there when the offer was made; should it have gone since, the node asks for nothing and is told again.
  if (isNeeded && envelope === undefined) {
    session.unsent = assignment;
    session.waitsFor = digest;
    return;
  }
  session.outbox.assign(messages.assignment(assignment, envelope), () => {
    if (envelope !== undefined) session.known.add(digest);
    onEvent({ kind: "assigned", node: session.node, mode: assignment.mode, id: assignment.id });
  });
}
