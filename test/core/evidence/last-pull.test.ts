import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readLastPull } from "../../../src/core/evidence/last-pull.ts";

const image = { namespace: "gcr.io", repository: "team/app" };
const pull = { registry: "gcr.io", repository: "team/app", path: "mirror", source: "trace", endedMs: 2_000 };
const fallback = {
  registry: "gcr.io",
  repository: "team/app",
  atMs: 3_000,
  wentTo: "gcr.io",
  reason: "mirror answered 404",
  source: "witness",
};

test("the newest of the repository, pull or fallback", () => {
  const hosts = [
    { host: "mirror:5000", role: "mirror", served: 4, refused: 0 },
    { host: "gcr.io", role: "upstream", served: 0, refused: 1 },
  ];
  const recentPulls = [
    { ...pull, repository: "other", endedMs: 9_000 },
    { ...pull, hosts },
  ];
  assert.deepEqual(readLastPull({ recentPulls }, image), {
    about: "repository",
    path: "mirror",
    atMs: 2_000,
    host: "mirror:5000",
    evidence: "trace",
    reason: "",
  });
  const document = { recentPulls, evidence: { recentFallbacks: [fallback] } };
  assert.deepEqual(readLastPull(document, image), {
    about: "repository",
    path: "upstream",
    atMs: 3_000,
    host: "gcr.io",
    evidence: "witness",
    reason: "mirror answered 404",
  });
  const later = { ...pull, path: "upstream", source: "witness", endedMs: 4_000 };
  const both = { recentPulls: [later], evidence: document.evidence };
  assert.equal(readLastPull(both, image)?.host, "gcr.io", "as the witness knows it");
  const served = { ...later, path: "mirror" };
  assert.equal(readLastPull({ ...both, recentPulls: [served] }, image)?.host, undefined);
  const closed = { evidence: { recentFallbacks: [{ ...fallback, wentTo: "nowhere" }] } };
  assert.equal(readLastPull(closed, image)?.path, "failed");
});

test("else the verdict on the registry, or on all that have none of their own", () => {
  const verdict = (name: string) => ({ name, source: "canary", lastMs: 1_000, message: "why" });
  const registries = [
    { namespace: "*", verdict: verdict("mixed") },
    { namespace: "gcr.io", verdict: verdict("bypassed") },
  ];
  const found = (namespace: string) =>
    readLastPull({ evidence: { registries } }, { namespace, repository: "x" });
  assert.deepEqual(found("gcr.io"), {
    about: "registry",
    path: "upstream",
    atMs: 1_000,
    evidence: "canary",
    reason: "why",
  });
  assert.equal(found("quay.io")?.path, "mixed");
  const unproven = [{ namespace: "gcr.io", verdict: { name: "unproven" } }];
  assert.equal(readLastPull({ evidence: { registries: unproven } }, image), undefined);
});

test("whatever it is handed, it does not throw", () => {
  fc.assert(
    fc.property(fc.anything(), fc.anything(), (evidence, recentPulls) => {
      readLastPull({ evidence, recentPulls }, image);
      readLastPull(evidence, image);
      readLastPull({ evidence: { recentFallbacks: [evidence], registries: [recentPulls] } }, image);
    }),
  );
});
