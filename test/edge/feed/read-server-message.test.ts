import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readServerMessage } from "../../../src/edge/feed/read-server-message.ts";
import type { Assignment__Output } from "../../../src/shared/feed/generated/mirrorlet/feed/v1/Assignment.ts";
import { loadFeedService } from "../../../src/shared/feed/load-feed-service.ts";

const ASSIGNMENT: Assignment__Output = {
  assignmentId: "r1/1/apply",
  rolloutId: "",
  wave: 0,
  mode: "MODE_APPLY",
  digest: Buffer.alloc(32),
  envelope: Buffer.alloc(0),
  spreadMs: 0,
  soakMs: 0,
  reportByMs: 0,
  needsObserved: false,
};

const read = (more: Partial<Assignment__Output>) => {
  const news = readServerMessage({ assignment: { ...ASSIGNMENT, ...more } });
  return news.kind === "assignment" ? news.assignment : news.kind;
};

test("a mode that is not known is not acted on", () => {
  for (const mode of ["MODE_UNSPECIFIED", "MODE_HOLD", 77, "MODE_LATER"]) {
    const assignment = read({ mode: mode as Assignment__Output["mode"] });
    assert.equal(typeof assignment === "string" ? assignment : assignment.mode, "hold");
  }
});

test("what names a file or ends up in a log is what it should be, or the message is skipped", () => {
  for (const wrong of [
    { digest: Buffer.alloc(31) },
    { digest: Buffer.alloc(0) },
    { assignmentId: "" },
    { assignmentId: "a b" },
    { assignmentId: "a\nb" },
    { assignmentId: "ü" },
    { assignmentId: "x".repeat(513) },
    { envelope: Buffer.alloc(256 * 1024 + 1) },
  ])
    assert.equal(read(wrong), "unknown");
});

test("times of a server are within bounds", () => {
  const away = readServerMessage({
    goAway: { reconnectAfterMs: 2 ** 32 - 1, spreadMs: 2 ** 32 - 1, reason: "\u001b[31m" },
  });
  assert.deepEqual(away, { kind: "go-away", afterMs: 600_000, spreadMs: 600_000, reason: " [31m" });
  const welcome = readServerMessage({
    welcome: { protocol: 2, serverId: "x".repeat(9_000), serverVersion: "", heartbeatMs: 0 },
  });
  assert.ok(welcome.kind === "welcome" && welcome.heartbeatMs === 1_000 && welcome.serverId.length === 200);
  assert.equal(welcome.isUnderstood, false);
});

test("whatever bytes a server sends are a message, nothing, or an error of the decoder; never anything else", async () => {
  const { Sync } = await loadFeedService();
  const seeds = [
    Sync.responseSerialize({ assignment: { ...ASSIGNMENT, envelope: Buffer.from("{}") } }),
    Sync.responseSerialize({ welcome: { protocol: 1, serverId: "s", heartbeatMs: 30_000 } }),
    Sync.responseSerialize({ goAway: { reconnectAfterMs: 1, spreadMs: 2, reason: "r" } }),
  ];
  const mutated = fc
    .tuple(fc.constantFrom(...seeds), fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 6 }))
    .map(([seed, edits]) => {
      const bytes = Buffer.from(seed);
      for (const [at, value] of edits) bytes[at % bytes.length] = value;
      return bytes;
    });
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 300 }).map(Buffer.from)), (bytes) => {
      let decoded: ReturnType<typeof Sync.responseDeserialize>;
      try {
        decoded = Sync.responseDeserialize(Buffer.from(bytes));
      } catch {
        return;
      }
      const news = readServerMessage(decoded as Parameters<typeof readServerMessage>[0]);
      if (news.kind !== "assignment") return;
      // Only what is to hold may name no document.
      const { mode, digest } = news.assignment;
      assert.match(digest, mode === "hold" ? /^([0-9a-f]{64})?$/ : /^[0-9a-f]{64}$/);
      for (const value of [news.assignment.soakMs, news.assignment.spreadMs, news.assignment.reportByMs])
        assert.ok(Number.isSafeInteger(value) && value >= 0);
    }),
    { numRuns: 2_000 },
  );
});
