import assert from "node:assert/strict";
import { test } from "node:test";
import { assessEvidence, assessRegistry } from "../../../src/core/evidence/assess-health.ts";
import type { WatchedRegistry } from "../../../src/core/evidence/evidence-report.ts";
import type { Ledger } from "../../../src/core/evidence/ledger.ts";
import { recordProbe, recordPull } from "../../../src/core/evidence/record-evidence.ts";
import { reportEvidence } from "../../../src/core/evidence/report-evidence.ts";
import { summarizeEvidence } from "../../../src/core/evidence/summarize-evidence.ts";
import { evidenceOf, gcr, ledgerWith, probe, request, T0, tracedPull } from "./support/evidence.ts";

const second = 1000;

function healthAfter(act: (ledger: Ledger) => void, watched: WatchedRegistry = gcr) {
  const ledger = ledgerWith({ watched: [watched], up: ["trace"] });
  act(ledger);
  return assessRegistry(evidenceOf(ledger, T0 + 60 * second, watched.namespace));
}

test("verdicts decide: bypassed and failing fail, mixed warns, mirrored and unproven pass", () => {
  for (const [path, status] of [
    ["mirror", "pass"],
    ["mixed", "warn"],
    ["upstream", "fail"],
    ["failed", "fail"],
  ] as const) {
    assert.equal(healthAfter((ledger) => recordPull(ledger, tracedPull(T0, path), T0)).status, status);
  }
  assert.deepEqual(
    healthAfter(() => {}),
    { status: "pass", output: "unproven: no pull since the agent started" },
  );
});

test("without a mirror that answers, the next pull goes upstream or nowhere, and the words say so", () => {
  const dead = (ledger: Ledger) => recordProbe(ledger, probe(T0, false));
  assert.deepEqual(healthAfter(dead), {
    status: "warn",
    output:
      "mirror:5000 does not answer as it should (connect): connection refused; pulls would go to gcr.io; unproven: no pull since the agent started",
  });
  const closed = healthAfter(dead, { ...gcr, upstream: "never" });
  assert.deepEqual([closed.status, /pulls would fail/.test(closed.output)], ["fail", true]);
  const others = healthAfter((ledger) => recordProbe(ledger, probe(T0, false, { registry: "*" })), {
    ...gcr,
    namespace: "*",
  });
  assert.match(others.output, /pulls would go to the upstream/);
});

test("as long as one mirror answers, or has not been asked, probes say nothing", () => {
  const two = { ...gcr, mirrors: [...gcr.mirrors, "https://second:5000"] };
  const firstDead = (ledger: Ledger) => recordProbe(ledger, probe(T0, false));
  assert.equal(healthAfter(firstDead, two).status, "pass");
  const secondIs = (ok: boolean) => (ledger: Ledger) => {
    firstDead(ledger);
    recordProbe(ledger, probe(T0, ok, { host: "second:5000", url: "https://second:5000" }));
  };
  assert.equal(healthAfter(secondIs(true), two).status, "pass");
  assert.equal(healthAfter(secondIs(false), two).status, "warn");
});

test("mirrors on one host are told apart by their path", () => {
  const two = { ...gcr, mirrors: ["https://mirror:5000/v2/a", "https://mirror:5000/v2/b"] };
  const ask = (paths: readonly string[]) => (ledger: Ledger) => {
    for (const path of paths)
      recordProbe(ledger, probe(T0, false, { url: `https://mirror:5000/v2/${path}/x/manifests/1` }));
  };
  assert.equal(healthAfter(ask(["a"]), two).status, "pass");
  assert.equal(healthAfter(ask(["a", "b"]), two).status, "warn");
});

test("a mirror that was down and answers again makes the failure a warning, without a pull", () => {
  const refused = tracedPull(T0, "upstream", { requests: [request({ status: 503 })] });
  const back = (ledger: Ledger) => recordProbe(ledger, probe(T0 + 10 * second, true));
  const failedBefore = (ledger: Ledger) => recordProbe(ledger, probe(T0 - 20 * second, false));
  const bypass = (ledger: Ledger) => recordPull(ledger, tracedPull(T0, "upstream"), T0);
  const recovered = healthAfter((ledger) => {
    failedBefore(ledger);
    bypass(ledger);
    back(ledger);
  });
  assert.equal(recovered.status, "warn");
  assert.match(
    recovered.output,
    /^bypassed: .*; since then a mirror answers probes again; the next pull will show$/,
  );
  const seenInTrace = healthAfter((ledger) => {
    recordPull(ledger, refused, T0);
    back(ledger);
  });
  assert.equal(seenInTrace.status, "warn");
});

test("a mirror that answered all along and was passed over stays a failure", () => {
  const passedOver = healthAfter((ledger) => {
    recordProbe(ledger, probe(T0 - 20 * second, true));
    recordPull(ledger, tracedPull(T0, "upstream", { requests: [request({ status: 404 })] }), T0);
    recordProbe(ledger, probe(T0 + 10 * second, true));
  });
  assert.equal(passedOver.status, "fail");
});

test("a pull settles it either way", () => {
  const ledger = ledgerWith({ up: ["trace"] });
  recordProbe(ledger, probe(T0, false));
  recordPull(ledger, tracedPull(T0, "upstream"), T0);
  recordProbe(ledger, probe(T0 + 20 * second, true));
  recordPull(ledger, tracedPull(T0 + 25 * second, "upstream"), T0 + 25 * second);
  assert.equal(assessRegistry(evidenceOf(ledger, T0 + 26 * second)).status, "fail");
  recordPull(ledger, tracedPull(T0 + 70 * second, "mirror"), T0 + 70 * second);
  assert.equal(assessRegistry(evidenceOf(ledger, T0 + 70 * second)).status, "pass");
});

test("a mirror is named as the cause only where all that is wrong goes by it", () => {
  const other = { ...gcr, namespace: "quay.io", mirrors: ["https://second"] };
  const sentence = (dead: readonly string[], message: string) => {
    const ledger = ledgerWith({ watched: [gcr, other], up: ["trace"] });
    for (const { namespace, mirrors } of [gcr, other]) {
      recordPull(ledger, tracedPull(T0, "upstream", { registry: namespace }), T0);
      const host = new URL(mirrors[0] ?? "").host;
      recordProbe(
        ledger,
        probe(T0, !dead.includes(host), { registry: namespace, host, url: mirrors[0] ?? "", message }),
      );
    }
    return summarizeEvidence(reportEvidence(ledger, T0)).sentence;
  };
  assert.equal(
    sentence(["mirror:5000"], "refused"),
    "2 of 2 registries bypass their mirrors (gcr.io, quay.io).",
  );
  const ledger = ledgerWith({ up: ["trace"] });
  recordPull(ledger, tracedPull(T0, "upstream"), T0);
  recordProbe(ledger, probe(T0, false, { message: "no connection to mirror:5000: refused; start it" }));
  assert.equal(
    summarizeEvidence(reportEvidence(ledger, T0)).sentence,
    "Pulls of gcr.io bypass the mirror: no connection to mirror:5000: refused.",
  );
});

test("what pulls showed hours ago is told with its age", () => {
  const hour = 3_600_000;
  const watched = ["gcr.io", "docker.io"].map((namespace) => ({ ...gcr, namespace }));
  const sentence = (
    paths: Readonly<Record<string, "mirror" | "upstream">>,
    hours: number,
    list = watched,
  ) => {
    const ledger = ledgerWith({ watched: list, up: ["trace"] });
    for (const [registry, path] of Object.entries(paths))
      recordPull(ledger, tracedPull(T0, path, { registry, reason: "refused" }), T0);
    return summarizeEvidence(reportEvidence(ledger, T0 + hours * hour)).sentence;
  };
  const one = watched.slice(0, 1);
  assert.equal(sentence({ "gcr.io": "mirror" }, 1, one), "gcr.io is served by its mirror.");
  assert.equal(
    sentence({ "gcr.io": "mirror" }, 23, one),
    "gcr.io was served by its mirror when last pulled, 23 h ago.",
  );
  assert.equal(
    sentence({ "gcr.io": "mirror", "docker.io": "mirror" }, 5),
    "All 2 registries were served by their mirrors when last pulled, up to 5 h ago.",
  );
  assert.equal(
    sentence({ "gcr.io": "mirror" }, 5),
    "1 of 2 registries were served by their mirrors when last pulled, up to 5 h ago; nothing is proven yet of docker.io.",
  );
  assert.equal(
    sentence({ "gcr.io": "upstream" }, 20, one),
    "Pulls of gcr.io bypass the mirror (last pulled 20 h ago): team/app:1.0 came from gcr.io: refused.",
  );
  assert.equal(
    sentence({ "gcr.io": "upstream", "docker.io": "upstream" }, 20),
    "2 of 2 registries bypass their mirrors (gcr.io, docker.io; last pulled up to 20 h ago).",
  );
});

test("one sentence sums a node up, the worst first", () => {
  const watched = ["gcr.io", "docker.io", "quay.io"].map((namespace) => ({ ...gcr, namespace }));
  const sentenceAfter = (
    paths: Readonly<Record<string, "mirror" | "mixed" | "upstream" | "failed">>,
    list = watched,
  ) => {
    const ledger = ledgerWith({ watched: list, up: ["trace"] });
    for (const [registry, path] of Object.entries(paths))
      recordPull(ledger, tracedPull(T0, path, { registry, reason: "mirror:5000 answered 500" }), T0);
    const report = reportEvidence(ledger, T0);
    const { status, sentence } = summarizeEvidence(report);
    assert.equal(assessEvidence(report), status);
    return sentence;
  };
  const all = { "gcr.io": "mirror", "docker.io": "mirror", "quay.io": "mirror" } as const;
  assert.equal(sentenceAfter(all), "All 3 registries are served by their mirrors.");
  assert.equal(sentenceAfter(all, watched.slice(0, 1)), "gcr.io is served by its mirror.");
  assert.equal(
    sentenceAfter({ "gcr.io": "mirror" }),
    "1 of 3 registries are served by their mirrors; nothing is proven yet of docker.io, quay.io.",
  );
  assert.equal(
    sentenceAfter({}),
    "Nothing is proven yet: no pull has shown where any of 3 registries is served from.",
  );
  assert.equal(
    sentenceAfter({}, []),
    "No registry has a mirror here: pulls go where containerd sends them by itself.",
  );
  assert.equal(
    sentenceAfter({ ...all, "gcr.io": "upstream" }),
    "Pulls of gcr.io bypass the mirror: team/app:1.0 came from gcr.io: mirror:5000 answered 500.",
  );
  assert.match(
    sentenceAfter({ ...all, "gcr.io": "mixed" }),
    /^Pulls of gcr\.io come from the mirror in part only: part of/,
  );
  assert.match(
    sentenceAfter({ ...all, "gcr.io": "failed" }),
    /^Pulls of gcr\.io fail: team\/app:1\.0 could not be pulled/,
  );
  assert.equal(
    sentenceAfter({ ...all, "gcr.io": "upstream", "quay.io": "upstream", "docker.io": "mixed" }),
    "2 of 3 registries bypass their mirrors (gcr.io, quay.io); 1 more with a warning.",
  );
  assert.equal(
    sentenceAfter({ ...all, "gcr.io": "upstream", "quay.io": "failed" }),
    "2 of 3 registries are not served as they should be (gcr.io, quay.io).",
  );
});
