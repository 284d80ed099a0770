import assert from "node:assert/strict";
import { test } from "node:test";
import { diagnose } from "../../../src/core/doctor/diagnose.ts";
import { type Finding, formatPlace } from "../../../src/core/doctor/finding.ts";
import { applyFix } from "../../support/apply-fix.ts";
import { type BrokenTree, breakTree, createRandom, MUTATIONS } from "../../support/broken-trees.ts";
import { RELEASES, viewOf } from "../../support/doctored-node.ts";

/** Of each way to break a tree. */
const ROUNDS = 4;

test("a fix that is followed to the letter ends its finding and begins no other", async (t) => {
  const random = createRandom(7);
  const applied = new Map<string, number>();
  const failed = new Set<string>();
  for (const name of Object.keys(MUTATIONS).flatMap((each) => Array<string>(ROUNDS).fill(each))) {
    const tree = breakTree(name, random, RELEASES);
    if (tree === undefined) continue;
    const good = await findingsOf(tree.good, tree);
    const before = await findingsOf(tree.broken, tree);
    for (const finding of before) {
      const mended = applyFix(finding, tree.broken);
      if (mended === undefined) continue;
      applied.set(finding.code, (applied.get(finding.code) ?? 0) + 1);
      const after = await findingsOf(mended, tree);
      const known = new Set([...good, ...before.filter((one) => one !== finding)].map(identity));
      const left = after.filter((one) => !known.has(identity(one)));
      if (left.length > 0)
        failed.add(
          `${tree.release} ${tree.name}: ${finding.code}: ${finding.fix} => ${left.map(show).join("; ")}`,
        );
    }
  }
  const count = [...applied.values()].reduce((sum, one) => sum + one, 0);
  t.diagnostic(`${count} fixes applied, of ${applied.size} codes`);
  assert.deepEqual([...failed], []);
  assert.ok(applied.size >= 15, [...applied.keys()].join(" "));
});

async function findingsOf(files: BrokenTree["broken"], { release }: BrokenTree): Promise<readonly Finding[]> {
  return diagnose(await viewOf(files, release));
}

/** Lines move when a fix adds one. */
function identity({ code, where }: Finding): string {
  return `${code} ${where.kind === "file" ? where.at.file : formatPlace(where)}`;
}

function show(finding: Finding): string {
  return `${identity(finding)}: ${finding.fact}`;
}
