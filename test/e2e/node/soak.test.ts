import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeSoak } from "../../../scripts/lib/soak/judge-soak.ts";
import { reportSoak } from "../../../scripts/lib/soak/report-soak.ts";
import { runSoak } from "../../../scripts/lib/soak/run-soak.ts";
import { nodeSkipReason } from "../../support/booted-node.ts";
import { packageSkipReason } from "../../support/built-package.ts";

const SEED = 20_260_101;

test(`a minute and a half of trouble on a node: nothing leaks, and no pull fails because of us (seed ${SEED})`, {
  skip: nodeSkipReason() ?? packageSkipReason() ?? false,
  timeout: 600_000,
}, async (context) => {
  const say = (text: string): void => context.diagnostic(text);
  const record = await runSoak({ minutes: 1.5, seed: SEED, containerd: "1.6", say });
  const checks = judgeSoak(record);
  const broken = checks.filter(({ wrong }) => wrong.length > 0);
  assert.equal(broken.length, 0, reportSoak(record, checks, ""));
  assert.ok(record.pulls.some(({ error }) => error === undefined));
  assert.ok(record.kills > 0 && record.repairs.length > 0 && record.pages > 0 && record.commands > 0);
});
