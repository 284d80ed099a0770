import assert from "node:assert/strict";
import { test } from "node:test";
import { causeOf, type PullRecord } from "../../../scripts/lib/soak/judge-pulls.ts";
import { type Event, type Happening, recordTimeline } from "../../../scripts/lib/soak/timeline.ts";

const fine: PullRecord = {
  image: "gcr.io/team/app:1",
  registry: "gcr.io",
  exists: true,
  fromMs: 1_000,
  toMs: 2_000,
  deadlineMs: 45_000,
};
const failed: PullRecord = { ...fine, error: { code: "UNKNOWN", message: "dial tcp: connection refused" } };

function happened(event: Event, fromMs: number, toMs: number): Happening {
  return { ...event, fromMs, toMs };
}

test("a pull of what exists fails for no reason: that is ours", () => {
  assert.equal(causeOf(fine, []), "served");
  assert.equal(causeOf(failed, []), "unexplained");
});

test("a mirror that is down, refuses or answers with errors is no reason: others have the image", () => {
  for (const mood of ["down", "500", "429", "401", "404", "reset", "wrong-certificate", "slow"] as const) {
    const mirror = happened({ kind: "mood", mirror: "a", mood }, 0, 9_000);
    assert.equal(causeOf(failed, [mirror]), "unexplained", mood);
  }
});

test("an image that nobody has fails, and must", () => {
  assert.equal(causeOf({ ...failed, exists: false }, []), "missing");
  assert.equal(causeOf({ ...fine, exists: false }, []), "impossible");
});

test("a restart of containerd ends pulls of that moment, and of no other", () => {
  for (const by of ["agent", "others"] as const) {
    const cause = by === "agent" ? "restart by the agent" : "restart by others";
    assert.equal(causeOf(failed, [happened({ kind: "restart", by }, 1_500, 1_600)]), cause);
    assert.equal(causeOf(failed, [happened({ kind: "restart", by }, 2_500, 2_600)]), "unexplained");
    assert.equal(causeOf(failed, [happened({ kind: "restart", by }, 500, 900)]), "unexplained");
  }
});

test("a mirror that never answers explains a pull that lasted until its deadline, no other", () => {
  const hang = happened({ kind: "mood", mirror: "a", mood: "hang" }, 0, 99_000);
  assert.equal(causeOf({ ...failed, toMs: 46_000 }, [hang]), "mirror never answered");
  assert.equal(causeOf(failed, [hang]), "unexplained");
});

test("what others do to one registry explains nothing of another", () => {
  const drift = (registry: string) => happened({ kind: "drift", registry, what: "ca.pem" }, 1_200, 1_300);
  assert.equal(causeOf(failed, [drift("gcr.io")]), "files changed by others");
  assert.equal(causeOf(failed, [drift("quay.io")]), "unexplained");
});

test("a timeline knows what has not ended yet", () => {
  let now = 5;
  const timeline = recordTimeline(() => now);
  const end = timeline.begin({ kind: "restart", by: "others" });
  assert.equal(timeline.all()[0]?.toMs, Number.POSITIVE_INFINITY);
  now = 7;
  end();
  now = 9;
  end();
  assert.deepEqual(timeline.all(), [{ kind: "restart", by: "others", fromMs: 5, toMs: 7 }]);
});
