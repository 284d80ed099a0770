import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { AgentMessage } from "../../../src/shared/feed/generated/mirrorlet/feed/v1/AgentMessage.ts";
import { loadFeedService } from "../../../src/shared/feed/load-feed-service.ts";
import { compareContracts, describeContract } from "./support/describe-contract.ts";
import { addToContract, addToMessage, contract, loadContract } from "./support/other-contracts.ts";

/** With a release, what was added since the one before is added here; no line ever changes or goes. */
const GOLDEN = "test/golden/feed-contract.txt";
const released = readFileSync(GOLDEN, "utf8").trimEnd().split("\n");

test("peers of released versions still understand the contract", () => {
  const broken = compareContracts(released, describeContract(contract));
  assert.deepEqual(broken, [], `proto/feed.proto breaks what is released:\n${broken.join("\n")}`);
});

test("what is only added breaks nothing", () => {
  const later = describeContract(addToContract(contract));
  assert.ok(later.length > released.length + 50);
  assert.deepEqual(compareContracts(released, later), []);
});

const BREAKS: readonly (readonly [string, string, string, RegExp])[] = [
  ["a field that is gone", "  bytes instance = 3;\n", "", /Hello 3, `bytes instance`, is gone: .*still send/],
  ["a number that moves", "instance = 3;", "instance = 30;", /Hello 3, .* has become \S*Hello 30: /],
  [
    "another type",
    "bytes instance = 3",
    "string instance = 3",
    /Hello 3 was `bytes instance` and is `string /,
  ],
  ["a number that is used again", "bytes instance = 3", "bytes nonce = 3", /Hello 3 was .* is `bytes nonce`/],
  [
    "many of what was one",
    "bytes instance = 3",
    "repeated bytes instance = 3",
    /is `repeated bytes instance`/,
  ],
  [
    "a map of others",
    "map<string, string> labels",
    "map<string, bytes> labels",
    /Hello 11 was `map<string, s/,
  ],
  ["a value that is gone", "  MODE_HOLD = 3;\n", "", /Mode 3, `MODE_HOLD`, is gone/],
  [
    "values that change places",
    "MODE_APPLY = 2",
    "MODE_LATER = 2",
    /Mode 2 was `MODE_APPLY` and is `MODE_LATER`/,
  ],
  [
    "a field that leaves its oneof",
    "    Heartbeat heartbeat = 4;\n  }",
    "  }\n  Heartbeat heartbeat = 4;",
    /4 was/,
  ],
  [
    "a call without a stream",
    "(stream AgentMessage)",
    "(AgentMessage)",
    /Feed Sync was `stream AgentMessage -> /,
  ],
  [
    "another package",
    "package mirrorlet.feed.v1;",
    "package mirrorlet.feed.v2;",
    /v1\.Feed Sync, .* is gone/,
  ],
];

for (const [what, from, to, told] of BREAKS)
  test(`the contract's test sees ${what}`, () => {
    assert.ok(contract.includes(from));
    const broken = compareContracts(released, describeContract(contract.replace(from, to)));
    assert.match(broken.join("\n"), told);
  });

test("what a later peer adds is really on the wire, in messages within messages too, and does not show here", async (t) => {
  const later = (await loadContract(t, addToContract(contract))).Sync;
  const ours = (await loadFeedService()).Sync;
  const message: AgentMessage = {
    seq: 3,
    report: { assignmentId: "a", phase: "PHASE_SOAKED", state: { registries: [{ namespace: "gcr.io" }] } },
  };
  const bytes = later.requestSerialize(addToMessage(message));
  assert.equal(bytes.toString("latin1").split("\u0005later").length - 1, 4 * 3);
  assert.deepEqual(ours.requestDeserialize(bytes), ours.requestDeserialize(ours.requestSerialize(message)));
});
