/** What was started and has to end, last first; also when the demo fails or is interrupted. */
export interface Undo {
  add(action: () => Promise<unknown>): void;
  /** Never rejects; a second call waits for the first. */
  all(): Promise<void>;
}

export function createUndo(): Undo {
  const actions: (() => Promise<unknown>)[] = [];
  let running: Promise<void> | undefined;
  const run = async (): Promise<void> => {
    for (let action = actions.pop(); action !== undefined; action = actions.pop()) {
      await action().catch((error) => process.stderr.write(`demo: while cleaning up: ${error}\n`));
    }
  };
  return {
    add: (action) => void actions.push(action),
    all: () => {
      running ??= run();
      return running;
    },
  };
}
