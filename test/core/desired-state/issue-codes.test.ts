import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { ISSUE_CODES } from "../../../src/core/desired-state/issue-codes.ts";
import { SIGNING_CODES } from "../../../src/core/signing/signing-codes.ts";

const documented = [...readFileSync("docs/issues.md", "utf8").matchAll(/^\| `([a-z0-9-]+)` \|/gm)].map(
  ([, code]) => code ?? "",
);
const sources = readdirSync("src", { recursive: true, encoding: "utf8" })
  // Findings have codes, and a document, of their own.
  .filter((name) => name.endsWith(".ts") && !name.startsWith("core/doctor/"))
  .map((name) => readFileSync(`src/${name}`, "utf8"));

test("every issue code is documented once", () => {
  assert.deepEqual(documented.toSorted(), [...new Set(documented)].toSorted());
  const raisedElsewhere = sources.flatMap((text) =>
    [...text.matchAll(/"((?:config|file|directory|input)-[a-z]+(?:-[a-z]+)*)"/g)].map(
      ([, code]) => code ?? "",
    ),
  );
  const missing = [...ISSUE_CODES, ...SIGNING_CODES, ...raisedElsewhere.filter(isIssueCode)].filter(
    (code) => !documented.includes(code),
  );
  assert.deepEqual(missing, []);
});

test("every documented code is raised by the code", () => {
  const orphans = documented.filter((code) => !sources.some((text) => text.includes(`"${code}"`)));
  assert.deepEqual(orphans, []);
});

test("every code of the desired state is raised outside its list", () => {
  const raised = sources.filter((text) => !/export const (?:ISSUE|SIGNING)_CODES/.test(text));
  assert.deepEqual(
    [...ISSUE_CODES, ...SIGNING_CODES].filter((code) => !raised.some((text) => text.includes(`"${code}"`))),
    [],
  );
});

// `config-path` and the like are other words with a hyphen.
function isIssueCode(code: string): boolean {
  return sources.some((text) => new RegExp(`(?:code: |refuse\\([^"]*)"${code}"`).test(text));
}
