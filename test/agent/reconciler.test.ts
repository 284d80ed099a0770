import assert from "node:assert/strict";
import { test } from "node:test";
import { type Reconciler, startReconciler } from "../../src/agent/reconciler.ts";
import { createTestNode } from "./test-node.ts";

test("failing passes are not driven faster by their own traces: each waits longer, triggered or not", async () => {
  const node = createTestNode();
  try {
    const { ports, ...context } = node.context({
      load: async () => {
        throw new Error("no space left");
      },
    });
    const clock = {
      ...node.clock,
      async sleep(ms: number, signal?: AbortSignal) {
        signal?.throwIfAborted();
        node.clock.advance(ms);
      },
    };
    const starts: number[] = [];
    let reconciler: Reconciler | undefined;
    await new Promise<void>((resolve) => {
      reconciler = startReconciler({
        context: { ...context, ports: { ...ports, clock } },
        resyncMs: 300_000,
        onReport() {
          starts.push(clock.uptimeMs());
          // What a watch does that sees the temporary files of the pass.
          reconciler?.trigger("touched");
          if (starts.length === 9) resolve();
        },
      });
    });
    await reconciler?.stop();
    const gaps = starts.slice(1).map((start, index) => (start - (starts[index] ?? 0)) / 1000);
    assert.deepEqual(gaps, [1, 2, 4, 8, 16, 30, 30, 30]);
  } finally {
    node.remove();
  }
});
