import assert from "node:assert/strict";
import { test } from "node:test";
import type { StatusDocument } from "../../../src/agent/status-document.ts";
import { describeStatus } from "../../../src/agent/status-document.ts";
import { formatStatus } from "../../../src/cli/status-text.ts";
import { renderStatusPage } from "../../../src/edge/status-page/render-page.ts";
import { passReport, STATES } from "./states.ts";

const page = (document: StatusDocument) => renderStatusPage(document, { refresh: false });
const countOf = (text: string, words: string) => text.split(words).length - 1;
const DEAD =
  "no connection to mirror.corp.example:5000: connection refused; start what should listen on that port";

test("a mirror that fails in the same way for several registries is told once, with their names", () => {
  const document = STATES.failing();
  const failed = document.evidence.registries.filter(({ probes }) =>
    probes.some(({ message }) => message === DEAD),
  );
  assert.ok(failed.length > 1);
  const text = page(document).replace(/<[^>]*>/g, "");
  assert.equal(countOf(text, DEAD), 1 + countOf(document.summary.sentence, DEAD));
  assert.match(
    text,
    /Mirror mirror\.corp\.example:5000 of gcr\.io, docker\.io, .*every other registry: ✖ fails at connect/,
  );
  assert.equal(countOf(text, "see above"), failed.length);
  assert.equal(countOf(formatStatus(document, false), DEAD), 1);
  assert.match(formatStatus(document, false), /mirror\.corp\.example:5000 fails as said above/);
});

test("one that a single registry meets is told where it is", () => {
  const document = STATES.failing();
  const { evidence } = document;
  const alone = { ...document, evidence: { ...evidence, registries: evidence.registries.slice(0, 1) } };
  assert.equal(countOf(page(alone), DEAD), 1);
  assert.equal(countOf(page(alone), "see above"), 0);
});

test("a signed state: which, by whom, until when, and what is closed out", () => {
  const text = page(STATES.expired()).replace(/<[^>]*>/g, "");
  assert.match(
    text,
    /It is serial 12 of prod\/stable, signed by cdcdcdcdcdcdcdcd, .*, expired at .*Z\. Serials below 10 are refused\./,
  );
  assert.doesNotMatch(page(STATES["all-good"]()), /signed by/);
});

test("a generation that nobody has written is not named", () => {
  const { agent, containerd, evidence, recentPulls, atMs } = STATES["all-good"]();
  const facts = {
    agent,
    containerdVersion: containerd.version,
    evidence,
    recentPulls,
    atMs,
    lastChange: undefined,
  };
  const shown = (changes: Parameters<typeof passReport>[0]) => {
    const document = describeStatus({ ...facts, report: passReport(changes) });
    return `${page(document).replace(/<[^>]*>/g, "")}\n${formatStatus(document, false)}`;
  };
  const none = shown({ generation: 0, observedGeneration: 0 });
  assert.match(none, /The desired state is in force; it names no generation, applied 3 days ago/);
  assert.doesNotMatch(none, /[Gg]eneration 0/);
  const conditions = [{ type: "Stalled", message: "it cannot be read" }] as const;
  assert.match(shown({ generation: 0, observedGeneration: 0, conditions }), /No generation is in force/);
  assert.match(shown({ generation: 0, conditions }), /Generation 12 is in force, applied/);
  assert.match(shown({ generation: 13 }), /Generation 12 is in force, generation 13 is wanted/);
});
