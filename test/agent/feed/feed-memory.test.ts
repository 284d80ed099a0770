import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Answer,
  EMPTY_MEMORY,
  type FeedMemory,
  withAnswer,
} from "../../../src/agent/feed/feed-memory.ts";

const answer = (assignmentId: string, isAcked: boolean): Answer => ({
  assignmentId,
  digest: "00".repeat(32),
  phase: "soaked",
  items: [],
  atMs: 1,
  isAcked,
});

const idsOf = ({ answers }: FeedMemory): readonly string[] => answers.map(({ assignmentId }) => assignmentId);

test("of too many answers those go first that the feed has acknowledged, then the oldest", () => {
  const first = Array.from({ length: 64 }, (_, index) => answer(`a${index}`, index >= 62));
  let memory: FeedMemory = { ...EMPTY_MEMORY, answers: first };
  memory = withAnswer(memory, answer("b", false));
  memory = withAnswer(memory, answer("c", false));
  assert.deepEqual(idsOf(memory), [...idsOf({ ...EMPTY_MEMORY, answers: first.slice(0, 62) }), "b", "c"]);
  memory = withAnswer(memory, answer("d", false));
  assert.deepEqual([memory.answers.length, idsOf(memory)[0], idsOf(memory).at(-1)], [64, "a1", "d"]);
  memory = withAnswer(memory, answer("a1", false));
  assert.deepEqual([memory.answers.length, idsOf(memory)[0], idsOf(memory).at(-1)], [64, "a2", "a1"]);
});
