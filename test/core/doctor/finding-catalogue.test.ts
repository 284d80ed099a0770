import assert from "node:assert/strict";
import { test } from "node:test";
import { CONFIG_FINDINGS } from "../../../src/core/doctor/config/config-findings.ts";
import { FINDINGS } from "../../../src/core/doctor/finding-catalogue.ts";
import { HOSTS_FINDINGS } from "../../../src/core/doctor/hosts/hosts-findings.ts";
import { PROCESS_FINDINGS } from "../../../src/core/doctor/process/process-findings.ts";
import { PULL_FINDINGS } from "../../../src/core/doctor/pulls/pull-findings.ts";

const FAMILIES = [CONFIG_FINDINGS, HOSTS_FINDINGS, PROCESS_FINDINGS, PULL_FINDINGS];

test("a code means one thing: it belongs to one family, and has a title of its own", () => {
  const codes = FAMILIES.flatMap((family) => Object.keys(family));
  assert.deepEqual(codes.toSorted(), Object.keys(FINDINGS).toSorted());
  const titles = Object.values(FINDINGS);
  assert.equal(new Set(titles).size, titles.length);
});
