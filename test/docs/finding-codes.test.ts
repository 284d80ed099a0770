import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { FINDINGS } from "../../src/core/doctor/finding-catalogue.ts";

test("every finding has its section with an example, and the other way round", () => {
  const text = readFileSync("docs/findings.md", "utf8");
  const sections = text.split(/^### /m).slice(1);
  const documented = sections.map((section) => section.slice(0, section.indexOf("\n")).trim());
  assert.deepEqual(documented.toSorted(), Object.keys(FINDINGS).toSorted());
  // The code, what it is and means for pulls, an example.
  for (const section of sections)
    assert.match(section, /^[\w-]+\n\n(?!```)[\s\S]+?\n\n```[\s\S]*^```/m, section.slice(0, 40));
});

test("the table of contents leads to every chapter", () => {
  const text = readFileSync("docs/findings.md", "utf8");
  const chapters = [...text.matchAll(/^## (.*)$/gm)].map(([, title]) => title);
  const listed = [...text.matchAll(/^\| \[([^\]]+)\]\(#([a-z-]+)\) \|/gm)];
  assert.deepEqual(
    listed.map(([, title]) => title),
    chapters,
  );
  for (const [, title = "", anchor] of listed)
    assert.equal(anchor, title.toLowerCase().replaceAll(".", "").replaceAll(" ", "-"));
});
