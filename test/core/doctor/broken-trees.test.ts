import assert from "node:assert/strict";
import { test } from "node:test";
import { describeHosts } from "../../../src/core/containerd/describe-hosts.ts";
import { diagnose } from "../../../src/core/doctor/diagnose.ts";
import { fateOf } from "../../../src/core/doctor/fate.ts";
import type { Finding } from "../../../src/core/doctor/finding.ts";
import type { NodeView } from "../../../src/core/doctor/node-view.ts";
import { NAMESPACES } from "../../support/broken-trees/good-trees.ts";
import {
  type BrokenTree,
  breakTree,
  createRandom,
  MUTATIONS,
  MUTATIONS_BY_FAMILY,
} from "../../support/broken-trees.ts";
import { RELEASES, viewOf } from "../../support/doctored-node.ts";

/** Of each way: trees, registries and releases that chance chooses. */
const ROUNDS = 5;
const ASKED = [...NAMESPACES, "k8s.gcr.io"];

for (const [family, mutations] of Object.entries(MUTATIONS_BY_FAMILY))
  test(`broken trees, ${family}: a finding where pulls differ, no error where they do not`, async (t) => {
    const random = createRandom(1);
    const trees = Object.keys(mutations).flatMap((name) => breakSome(name, random));
    const unused = Object.keys(mutations).filter((name) => trees.every((tree) => tree.name !== name));
    assert.deepEqual(unused, [], "every way is tried");
    const judged = await Promise.all(trees.map(judge));
    const differing = judged.filter(({ differs }) => differs);
    const missed = differing.filter(({ told }) => !told.some(tells));
    const alarms = judged.filter(
      ({ differs, told }) => !differs && told.some(({ severity }) => severity === "error"),
    );
    const ways = new Set(differing.map(({ tree }) => tree.name));
    t.diagnostic(
      `${trees.length} trees broken in ${Object.keys(mutations).length} ways: pulls differ in ${differing.length} (${ways.size} ways), ${differing.length - missed.length} are found; in ${judged.length - differing.length} they do not, ${alarms.length} false alarms`,
    );
    assert.deepEqual([...missed, ...alarms].map(describe), []);
  });

test("there are enough trees", () => {
  assert.ok(Object.keys(MUTATIONS).length * ROUNDS >= 400);
  const apart = Object.values(MUTATIONS_BY_FAMILY).map((mutations) => Object.keys(mutations).length);
  assert.equal(
    Object.keys(MUTATIONS).length,
    apart.reduce((sum, count) => sum + count, 0),
  );
});

function breakSome(name: string, random: () => number): readonly BrokenTree[] {
  const trees: BrokenTree[] = [];
  for (let tries = 0; trees.length < ROUNDS && tries < ROUNDS * 40; tries++) {
    const tree = breakTree(name, random, RELEASES);
    if (tree !== undefined) trees.push(tree);
  }
  return trees;
}

async function judge(tree: BrokenTree) {
  const { good, broken, release, namespaces } = tree;
  // The images of a node tell a directory without a port from one with it.
  const images = { namespacesInUse: namespaces.filter((namespace) => namespace !== "*") };
  const [before, after] = await Promise.all([viewOf(good, release, images), viewOf(broken, release, images)]);
  assert.deepEqual(diagnose(before), [], `good before it is broken: ${JSON.stringify(good)}`);
  const differs = ASKED.some((namespace) => fateText(namespace, before) !== fateText(namespace, after));
  return { tree, differs, told: diagnose(after) };
}

/** Mirrors that serve digests alone are a design, too; all else that changes pulls is worth more than a note. */
function tells({ severity, code }: Finding): boolean {
  return severity !== "info" || code === "capabilities-without-resolve";
}

function describe({ tree, told }: Awaited<ReturnType<typeof judge>>): string {
  return `${tree.release}: ${tree.name}: ${told.map(({ code }) => code).join(", ") || "nothing"}: ${JSON.stringify(tree.broken)}`;
}

/** Whether a host may be pushed to makes no difference to pulls. */
function fateText(namespace: string, view: NodeView): string {
  const { byTag, byDigest } = fateOf(namespace, view);
  const lines = [byTag, byDigest].flatMap((one) => (one === undefined ? ["none"] : describeHosts(one)));
  const pulls = lines.map((line) => line.replace(/\+push|\+referrers|push\+|referrers\+/g, ""));
  return JSON.stringify([view.config.daemon.ok, pulls]);
}
