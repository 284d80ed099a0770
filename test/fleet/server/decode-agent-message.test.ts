import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readNodeStatus, writeNodeStatus } from "../../../src/core/fleet/read-node-status.ts";
import { connectNode, recordOffer, recordReport } from "../../../src/core/fleet/update-status.ts";
import { decodeAgentMessage } from "../../../src/fleet/server/decode-agent-message.ts";
import { loadFeedService } from "../../../src/shared/feed/load-feed-service.ts";
import { NEW, OLD, T0 } from "../../core/fleet/support/fleet.ts";

const { Sync } = await loadFeedService();

const digest = fc
  .oneof(fc.uint8Array({ maxLength: 40 }), fc.constant(Buffer.from(NEW.digest, "hex")))
  .map(Buffer.from);
const words = fc.oneof(
  fc.string({ unit: "binary", maxLength: 400 }),
  fc.constantFrom("", "failing", "bypassed"),
);
const error = fc.record({ code: words, message: words, item: words });
const number = fc.oneof(fc.maxSafeInteger(), fc.constantFrom(0, 1, -1, 2 ** 62));
const state = fc.record({
  runningDigest: digest,
  runningSerial: number,
  source: fc.integer({ min: 0, max: 9 }),
  rejections: fc.array(fc.record({ digest, serial: number, assignmentId: words, error }), { maxLength: 20 }),
  registries: fc.array(fc.record({ namespace: words, verdict: words }), { maxLength: 300 }),
  conditions: fc.array(fc.record({ type: fc.constantFrom("Ready", "Contested"), message: words }), {
    maxLength: 3,
  }),
});
const items = fc.array(
  fc.record({
    namespace: words,
    phase: fc.integer({ min: 0, max: 20 }),
    evidence: fc.constantFrom("", "trace"),
  }),
  { maxLength: 300 },
);
const report = fc.record(
  {
    assignmentId: fc.oneof(words, fc.constant("a")),
    phase: fc.integer({ min: 0, max: 20 }),
    state,
    error,
    items,
  },
  { requiredKeys: [] },
);

const connected = connectNode(
  undefined,
  "n1",
  { server: "s", stream: 1, instance: "aa", sinceMs: T0 },
  { agent: "1", containerd: "2" },
  { running: OLD, source: "feed", refused: [], isDrifted: false },
);
const offered = recordOffer(
  connected,
  {
    id: "a",
    wave: 0,
    attempt: 1,
    mode: "apply",
    bundle: NEW,
    spreadMs: 0,
    soakMs: 0,
    reportByMs: 0,
    needsObserved: false,
    needsToken: false,
  },
  T0,
);

test("whatever a node reports, its status can be read again and stays small", () => {
  fc.assert(
    fc.property(report, number, (message, seq) => {
      const bytes = Sync.requestSerialize({ seq, report: message as never });
      const word = decodeAgentMessage(Sync.requestDeserialize(bytes));
      assert.equal(word.kind, "report");
      if (word.kind !== "report") return;
      const written = writeNodeStatus(recordReport(offered, word.report, T0));
      const read = readNodeStatus(Buffer.from(written.bytes).toString());
      assert.ok(read.ok, read.ok ? "" : JSON.stringify(read.problems));
      assert.deepEqual(read.value, written.status, "who has written it need not read it");
      assert.ok(written.bytes.length < 4_096);
    }),
    { numRuns: 300 },
  );
});

test("whatever bytes a node sends, they are read or refused, and nothing is thrown but by the decoder", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      let message: ReturnType<typeof Sync.requestDeserialize>;
      try {
        message = Sync.requestDeserialize(Buffer.from(bytes));
      } catch {
        return;
      }
      assert.ok(decodeAgentMessage(message).kind);
    }),
    { numRuns: 2_000 },
  );
});

test("the worst verdict counts, evidence that is missing is named, and a contested node has drifted", () => {
  const bytes = Sync.requestSerialize({
    seq: 4,
    report: {
      assignmentId: "a",
      phase: "PHASE_SOAKED",
      state: {
        runningSinceMs: 1_000,
        registries: [
          { namespace: "gcr.io", verdict: "bypassed", lastPullMs: 2_000 },
          { namespace: "quay.io", verdict: "failing" },
          { namespace: "ghcr.io", verdict: "mirrored", lastPullMs: 2_000 },
          { namespace: "docker.io", verdict: "mirrored", lastPullMs: 999 },
        ],
        conditions: [{ type: "Contested", message: "" }],
      },
      items: [
        { namespace: "gcr.io", phase: "PHASE_OBSERVED", evidence: "witness" },
        { namespace: "quay.io", phase: "PHASE_APPLIED" },
      ],
    },
  });
  const word = decodeAgentMessage(Sync.requestDeserialize(bytes));
  assert.ok(word.kind === "report");
  assert.equal(word.seq, 4);
  assert.deepEqual(word.report.view.unwell, { verdict: "failing", namespace: "quay.io" });
  assert.equal(word.report.view.isDrifted, true);
  assert.deepEqual(word.report.unproven, ["quay.io"]);
  const { evidence } = word.report.view;
  assert.deepEqual(evidence, { proven: ["ghcr.io"], open: ["gcr.io", "quay.io", "docker.io"] });
});
