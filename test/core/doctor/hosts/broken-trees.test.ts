import assert from "node:assert/strict";
import { test } from "node:test";
import { describeHosts } from "../../../../src/core/containerd/describe-hosts.ts";
import { diagnose } from "../../../../src/core/doctor/diagnose.ts";
import { fateOf } from "../../../../src/core/doctor/fate.ts";
import type { NodeView } from "../../../../src/core/doctor/node-view.ts";
import { RELEASES, viewOf } from "../../../support/doctored-node.ts";
import { createRandom, GOOD_TREES, MUTATIONS } from "./broken-trees.ts";
import { hostsNode } from "./hosts-node.ts";

const NAMESPACES = ["gcr.io", "registry.corp:5000", "docker.io", "quay.io", "k8s.gcr.io", "*"];
const ROUNDS = 10;

// Whether a host may be pushed to makes no difference to pulls.
const hostsOf = (view: NodeView): string =>
  NAMESPACES.map((namespace) => {
    const { byTag } = fateOf(namespace, view);
    const lines = byTag === undefined ? ["none"] : describeHosts(byTag);
    return lines.map((line) => line.replace(/\+push|\+referrers|push\+|referrers\+/g, "")).join("\n");
  }).join("\n\n");

test("wherever breaking a tree changes who is asked, there is a finding", async (context) => {
  const missed: string[] = [];
  let changed = 0;
  let tried = 0;
  for (const [name, mutate] of Object.entries(MUTATIONS))
    for (let seed = 0; seed < ROUNDS; seed++) {
      const random = createRandom(seed * 1000 + name.length);
      const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
      const release = pick(RELEASES);
      const good = pick(GOOD_TREES);
      const broken = mutate(good, pick);
      const before = await viewOf(hostsNode(release, good), release);
      const after = await viewOf(hostsNode(release, broken), release);
      assert.deepEqual(diagnose(before), [], `${release}: a good tree`);
      tried++;
      if (hostsOf(before) === hostsOf(after)) continue;
      changed++;
      const findings = diagnose(after).filter(({ severity }) => severity !== "info");
      if (findings.length === 0) missed.push(`${name} (${release}, seed ${seed}): ${JSON.stringify(broken)}`);
    }
  context.diagnostic(`${tried} trees, ${changed} with other pulls, ${missed.length} without a finding`);
  assert.ok(changed > 150, `only ${changed} of ${tried} trees change pulls`);
  assert.deepEqual(missed, []);
});
