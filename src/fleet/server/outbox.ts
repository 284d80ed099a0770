/** What is still to be said on a stream. */
export interface Outbox {
  /** Before all else. */
  greet(message: Buffer): void;
  /** Takes the place of one that has not been sent. `onSent`: it is on its way. */
  assign(message: Buffer, onSent: () => void): void;
  /** Everything up to `seq` is durable. */
  acknowledge(seq: number): void;
  beat(message: Buffer): void;
  /** After all that waits; then the stream ends. */
  goAway(message: Buffer): void;
  /** Since when a message has been on its way that the node does not take; undefined: none is. */
  stuckSinceMs(): number | undefined;
}

export interface OutboxOptions {
  /** Writes one message and calls `done` when there is room for the next. */
  readonly write: (message: Buffer, done: () => void) => void;
  readonly encodeAck: (seq: number) => Buffer;
  readonly onEnd: () => void;
  /** An assignment was replaced before it was sent. */
  readonly onConflated: () => void;
  readonly nowMs: () => number;
}

/**
 * One message is on its way at a time, and behind it one of each kind waits: a node that does not read costs no more
 * memory however much happens in the fleet, and when it reads again it hears what counts now.
 */
export function createOutbox(options: OutboxOptions): Outbox {
  const { write, encodeAck, onEnd, onConflated, nowMs } = options;
  let writingSinceMs: number | undefined;
  let greeting: Buffer | undefined;
  let ack: number | undefined;
  let assignment: { readonly message: Buffer; readonly onSent: () => void } | undefined;
  let beat: Buffer | undefined;
  let farewell: Buffer | undefined;
  let isOver = false;
  const take = (): Buffer | undefined => {
    if (greeting !== undefined) {
      const message = greeting;
      greeting = undefined;
      return message;
    }
    if (ack !== undefined) {
      const message = encodeAck(ack);
      ack = undefined;
      return message;
    }
    if (assignment !== undefined) {
      const { message, onSent } = assignment;
      assignment = undefined;
      onSent();
      return message;
    }
    const message = beat ?? farewell;
    if (beat === undefined) isOver = message !== undefined;
    beat = undefined;
    return message;
  };
  const next = (): void => {
    if (writingSinceMs !== undefined) return;
    const message = isOver ? undefined : take();
    if (message === undefined) return;
    writingSinceMs = nowMs();
    write(message, () => {
      writingSinceMs = undefined;
      if (isOver) onEnd();
      else next();
    });
  };
  return {
    greet(message) {
      greeting = message;
      next();
    },
    assign(message, onSent) {
      if (assignment !== undefined) onConflated();
      assignment = { message, onSent };
      next();
    },
    acknowledge(seq) {
      ack = Math.max(ack ?? 0, seq);
      next();
    },
    beat(message) {
      beat = message;
      next();
    },
    goAway(message) {
      farewell = message;
      next();
    },
    stuckSinceMs: () => writingSinceMs,
  };
}
