import assert from "node:assert/strict";
import { test } from "node:test";
import type { Assignment } from "../../../src/core/fleet/assignment.ts";
import type { NodeStatus } from "../../../src/core/fleet/node-status.ts";
import {
  connectNode,
  disconnectNode,
  type NodeReport,
  type NodeView,
  recordOffer,
  recordReport,
  recordView,
} from "../../../src/core/fleet/update-status.ts";
import { NEW, OLD, offerWith, statusWith, T0 } from "./support/fleet.ts";

const view: NodeView = { running: OLD, source: "feed", refused: [], isDrifted: false };
const versions = { agent: "0.2.0", containerd: "2.1.4" };

function connect(before: NodeStatus | undefined, instance: string, stream = 1): NodeStatus {
  return connectNode(before, "n0", { server: "s1", stream, instance, sinceMs: T0 }, versions, view);
}

function report(changes: Partial<NodeReport> = {}): NodeReport {
  return {
    assignmentId: "r1/1/apply",
    phase: "applied",
    view: { ...view, running: NEW },
    unproven: [],
    ...changes,
  };
}

const apply: Assignment = {
  id: "r1/1/apply",
  rolloutId: "r1",
  wave: 0,
  attempt: 1,
  mode: "apply",
  bundle: NEW,
  spreadMs: 0,
  soakMs: 0,
  reportByMs: 60_000,
  needsObserved: false,
  needsToken: true,
};

test("a restarted agent is no clone; two that take turns are", () => {
  const first = connect(undefined, "aa");
  const restarted = connect(first, "bb");
  assert.deepEqual([restarted.cloned, restarted.instances], [undefined, ["bb", "aa"]]);
  const back = connect(restarted, "aa");
  assert.equal(back.cloned, true);
  assert.equal(connect(back, "aa", 2).cloned, true);
  assert.equal(connect(connect(back, "cc"), "cc").cloned, undefined);
});

test("which containerd a node has is what its state says, and its Hello where that does not say", () => {
  const connection = { server: "s1", stream: 1, instance: "aa", sinceMs: T0 };
  const said = connectNode(undefined, "n0", connection, versions, { ...view, containerd: "2.1.9" });
  assert.deepEqual([said.containerd, connect(undefined, "aa").containerd], ["2.1.9", "2.1.4"]);
});

test("the end of an old stream does not disconnect a node that has a new one", () => {
  const status = connect(connect(undefined, "aa"), "bb");
  assert.equal(disconnectNode(status, "aa", T0 + 1), status);
  const ended = disconnectNode(status, "bb", T0 + 1);
  assert.deepEqual([ended.connection, ended.seenMs], [undefined, T0 + 1]);
});

test("an offer said again keeps its first time, its token and its answer", () => {
  const told = recordOffer(statusWith(), apply, T0);
  assert.deepEqual(told.offer, offerWith());
  const moved = { ...told, connection: { server: "s2", stream: 9, instance: "aa", sinceMs: T0 + 5 } };
  const again = recordOffer(moved, { ...apply, needsToken: false }, T0 + 10).offer;
  assert.deepEqual(again, offerWith({ resentMs: T0 + 10, sentOn: "s2/9" }));
  const unwell = { verdict: "bypassed", namespace: "gcr.io" } as const;
  assert.equal(recordOffer(statusWith({ unwell }), apply, T0).offer?.wasUnwell, true);
});

test("an offer that is over is made anew: its next answer counts", () => {
  const stable = { ...apply, id: "stable/stable/3", needsToken: false };
  const told = recordOffer(statusWith(), stable, T0);
  assert.ok(told.offer);
  const ended = { ...told, offer: { ...told.offer, phase: "soaked", phaseMs: T0 + 5 } as const };
  assert.deepEqual(recordOffer(ended, stable, T0 + 10).offer, {
    ...told.offer,
    sentMs: T0 + 10,
    resentMs: T0 + 10,
  });
});

test("an answer counts once, for the assignment last sent; the state of the node always", () => {
  const told = recordOffer(statusWith(), apply, T0);
  const other = recordReport(told, report({ assignmentId: "r0/1/apply", phase: "soaked" }), T0 + 1);
  assert.deepEqual([other.offer?.phase, other.running], [undefined, NEW]);
  const soaked = recordReport(told, report({ phase: "soaked", unproven: ["a", "b", "c", "d", "e"] }), T0 + 1);
  assert.deepEqual(
    [soaked.offer?.phase, soaked.offer?.unproven.length, soaked.offer?.unprovenMore],
    ["soaked", 4, 1],
  );
  const later = recordReport(soaked, report({ phase: "reverted", view }), T0 + 2);
  assert.deepEqual([later.offer?.phase, later.running, later.refused], ["soaked", OLD, []]);
  assert.equal(recordReport(told, report({ phase: "drifted" }), T0 + 1).offer?.phase, undefined);
});

test("what is pulled after the soak proves it as well, for as long as that runs", () => {
  const told = recordOffer(statusWith(), apply, T0);
  const names = ["a", "b", "c", "d", "e", "f"];
  const soaked = recordReport(told, report({ phase: "soaked", unproven: names }), T0 + 1);
  const seen = (running: typeof NEW, proven: readonly string[]) => {
    const open = names.filter((name) => !proven.includes(name));
    const { offer } = recordView(soaked, { ...view, running, evidence: { proven, open } }, T0 + 2);
    return [offer?.phase, offer?.unproven, offer?.unprovenMore];
  };
  assert.deepEqual(seen(NEW, []), ["soaked", ["a", "b", "c", "d"], 2]);
  assert.deepEqual(seen(NEW, ["a", "c", "e"]), ["soaked", ["b", "d"], 1]);
  assert.deepEqual(seen(NEW, names), ["soaked", [], 0]);
  assert.deepEqual(seen(OLD, names), ["soaked", ["a", "b", "c", "d"], 2]);
  const silent = recordView(soaked, { ...view, running: NEW }, T0 + 2);
  assert.deepEqual([silent.offer?.unproven.length, silent.offer?.unprovenMore], [4, 2]);
});

test("a refusal is remembered, beside what the node tells itself", () => {
  const told = recordOffer(statusWith(), apply, T0);
  const error = { code: "gate-failed", message: "one\ntwo" };
  const reverted = recordReport(told, report({ phase: "reverted", view, error }), T0 + 1);
  assert.deepEqual(reverted.refused, [{ digest: NEW.digest, assignmentId: "r1/1/apply" }]);
  assert.equal(reverted.offer?.error?.message, "one two");
  const refused = [{ digest: OLD.digest, assignmentId: "" }, ...reverted.refused];
  const told2 = recordReport(reverted, report({ view: { ...view, refused } }), T0 + 2);
  assert.deepEqual(told2.refused, [...reverted.refused, { digest: OLD.digest, assignmentId: "" }]);
});

test("the answer to a preflight stays when the next thing is said", () => {
  const asked = recordOffer(
    statusWith(),
    { ...apply, id: "r1/1/preflight", mode: "preflight", needsToken: false },
    T0,
  );
  const answer = report({
    assignmentId: "r1/1/preflight",
    phase: "preflight-failed",
    view,
    error: { code: "x", message: "y" },
  });
  const answered = recordOffer(recordReport(asked, answer, T0 + 1), apply, T0 + 2);
  assert.deepEqual(answered.preflight, {
    rolloutId: "r1",
    attempt: 1,
    ok: false,
    error: { code: "x", message: "y" },
  });
  assert.deepEqual([answered.offer?.id, answered.refused], ["r1/1/apply", []]);
});

test("an agent that was installed anew has refused nothing; one that says what it refused has", () => {
  const refused = [{ digest: NEW.digest, assignmentId: "r1/1/apply" }];
  const before = statusWith({ refused });
  const hello = (instance: string, changes: Partial<NodeView>) =>
    connectNode(before, "n0", { server: "s1", stream: 2, instance, sinceMs: T0 }, versions, {
      source: "none",
      refused: [],
      isDrifted: false,
      ...changes,
    }).refused;
  assert.deepEqual(hello("bb", {}), []);
  assert.deepEqual(hello("aa", {}), refused);
  assert.deepEqual(hello("bb", { running: OLD }), refused);
  const own = [{ digest: OLD.digest, assignmentId: "stable/stable/3" }];
  assert.deepEqual(hello("bb", { refused: own }), [...refused, ...own]);
});

test("tries with the stable state take the place of each other, and of nothing else", () => {
  const first = { digest: NEW.digest, assignmentId: "r1/1/apply" };
  const tries = (count: number) =>
    Array.from({ length: count }, (_, index) => ({
      digest: OLD.digest,
      assignmentId: index === 0 ? "stable/stable/3" : `stable/stable/3/${index + 1}`,
    }));
  let status = connectNode(undefined, "n0", statusWith().connection ?? assert.fail(), versions, {
    ...view,
    refused: [first, ...tries(3)],
  });
  assert.deepEqual(status.refused, [first, ...tries(3).slice(-1)]);
  for (const { assignmentId: id } of tries(9).slice(3)) {
    status = recordOffer(status, { ...apply, id, bundle: OLD }, T0);
    const said = { ...view, refused: tries(9) };
    status = recordReport(status, report({ assignmentId: id, phase: "rejected", view: said }), T0);
  }
  assert.deepEqual(status.refused, [first, ...tries(9).slice(-1)]);
});
