import assert from "node:assert/strict";
import { test } from "node:test";
import { describeHosts } from "../../../src/core/containerd/describe-hosts.ts";
import { diagnose } from "../../../src/core/doctor/diagnose.ts";
import { fateOf } from "../../../src/core/doctor/fate.ts";
import type { NodeView } from "../../../src/core/doctor/node-view.ts";
import { type BrokenTree, breakTree, createRandom, MUTATIONS } from "../../support/broken-trees.ts";
import { RELEASES, viewOf } from "../../support/doctored-node.ts";

const TREES = 400;

test("whenever pulls differ from what a broken tree evidently means, a finding says so", async (t) => {
  const random = createRandom(1);
  const trees: BrokenTree[] = [];
  for (let tries = 0; trees.length < TREES && tries < TREES * 20; tries++) {
    const tree = breakTree(random, RELEASES);
    if (tree !== undefined) trees.push(tree);
  }
  const judged = await Promise.all(trees.map(judge));
  const differ = judged.filter(({ differs }) => differs.length > 0);
  const missed = differ.filter(({ found }) => !found);
  const kinds = new Set(differ.map(({ tree }) => tree.name));
  t.diagnostic(
    `${trees.length} trees broken in ${new Set(trees.map(({ name }) => name)).size} of ${Object.keys(MUTATIONS).length} ways: pulls differ in ${differ.length} (${kinds.size} ways), ${differ.length - missed.length} are found, ${missed.length} missed`,
  );
  assert.deepEqual(
    missed.map(({ tree, differs }) => `${tree.release}: ${tree.name}: ${differs.join("; ")}`).sort(),
    [],
  );
});

test("the trees are good before they are broken", async () => {
  const random = createRandom(2);
  for (let i = 0; i < 100; i++) {
    const tree = breakTree(random, RELEASES);
    if (tree === undefined) continue;
    const view = await viewOf(tree.good, tree.release);
    assert.deepEqual(diagnose(view), [], JSON.stringify(tree.good));
  }
});

async function judge(tree: BrokenTree) {
  const [good, broken] = await Promise.all([
    viewOf(tree.good, tree.release),
    viewOf(tree.broken, tree.release),
  ]);
  const differs = tree.namespaces.filter(
    (namespace) => fateText(namespace, good) !== fateText(namespace, broken),
  );
  const found = diagnose(broken).length > 0;
  return { tree, differs, found };
}

function fateText(namespace: string, view: NodeView): string {
  const { byTag, byDigest } = fateOf(namespace, view);
  const lines = [byTag, byDigest].map((one) => (one === undefined ? [] : describeHosts(one)));
  return JSON.stringify([view.config.daemon.ok, lines]);
}
