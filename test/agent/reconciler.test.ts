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

test("a pass that waits for ever is told from one that goes on and from none", async () => {
  const node = createTestNode();
  const { ports, ...context } = node.context();
  let answer: (() => void) | undefined;
  const hangs = new Promise<undefined>((resolve) => {
    answer = () => resolve(undefined);
  });
  const containerd = Object.create(node.containerd, { version: { value: () => hangs } });
  const reports: string[] = [];
  const reconciler = startReconciler({
    context: {
      ...context,
      ports: { ...ports, containerd, clock: { ...node.clock, sleep: untilAborted } },
    },
    resyncMs: 300_000,
    onReport: ({ outcome }) => reports.push(outcome),
  });
  try {
    await new Promise((resolve) => setTimeout(resolve, 200));
    const still = reconciler.stillMs;
    node.clock.advance(250_000);
    assert.equal(reconciler.stillMs - still, 250_000, "it stands");
    answer?.();
    for (let turn = 0; turn < 500 && reports.length === 0; turn += 1)
      await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual(reports, ["deferred"]);
    node.clock.advance(250_000);
    assert.equal(reconciler.stillMs, 0, "nothing runs, so nothing stands");
  } finally {
    await reconciler.stop();
    node.remove();
  }
});

test("a pass that asks something of the node again and again, without end, is told by how long it runs", async () => {
  const node = createTestNode();
  const { ports, ...context } = node.context();
  let isOver = false;
  let asked = 0;
  const version = async () => {
    for (; !isOver; asked += 1) {
      await ports.files.read("/etc/containerd/config.toml");
      await new Promise((resolve) => setImmediate(resolve));
    }
    return undefined;
  };
  const reports: string[] = [];
  const reconciler = startReconciler({
    context: {
      ...context,
      ports: {
        ...ports,
        containerd: Object.create(node.containerd, { version: { value: version } }),
        clock: { ...node.clock, sleep: untilAborted },
      },
    },
    resyncMs: 300_000,
    onReport: ({ outcome }) => reports.push(outcome),
  });
  try {
    await untilTrue(() => asked > 10);
    node.clock.advance(3_600_000);
    assert.equal(reconciler.runMs, 3_600_000);
    isOver = true;
    await untilTrue(() => reports.length > 0);
    assert.equal(reconciler.runMs, 0, "nothing runs");
  } finally {
    isOver = true;
    await reconciler.stop();
    node.remove();
  }
});

async function untilTrue(check: () => boolean): Promise<void> {
  for (let turn = 0; turn < 500 && !check(); turn += 1)
    await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(check());
}

function untilAborted(_ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((_resolve, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
