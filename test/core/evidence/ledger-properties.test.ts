import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { EVIDENCE_LIMITS } from "../../../src/core/evidence/evidence-limits.ts";
import { type Ledger, watchRegistries } from "../../../src/core/evidence/ledger.ts";
import { PULL_PATHS, type Pull, type PullNotice, type WitnessHit } from "../../../src/core/evidence/pull.ts";
import {
  advanceLedger,
  recordHit,
  recordNotice,
  recordProbe,
  recordPull,
  recordRequest,
  recordSource,
} from "../../../src/core/evidence/record-evidence.ts";
import type { RegistryRequest } from "../../../src/core/evidence/registry-request.ts";
import { reportEvidence } from "../../../src/core/evidence/report-evidence.ts";
import { listRequestCounts } from "../../../src/core/evidence/request-tally.ts";
import {
  canaryNotice,
  digest,
  gcr,
  hit,
  ledgerWith,
  notice,
  probe,
  request,
  T0,
  tracedPull,
} from "./support/evidence.ts";

const hour = 3_600_000;
const registries = ["gcr.io", "quay.io", "unheard-of.example", "docker.io"] as const;
const watched = [gcr, { ...gcr, namespace: "quay.io", upstream: "never" as const }];

const registry = fc.constantFrom(...registries);
const repository = fc.constantFrom("a", "b");
const path = fc.constantFrom(...PULL_PATHS);
/** Milliseconds after T0, within two hours. */
const moment = fc.integer({ min: 0, max: 2 * hour });

const traced: fc.Arbitrary<Pull> = fc
  .record({ registry, repository, path, at: moment, lasts: fc.integer({ min: 1, max: 60_000 }) })
  .map(({ registry, repository, path, at, lasts }) =>
    tracedPull(T0 + at, path, {
      registry,
      repository,
      reference: `${registry}/${repository}:1`,
      startedMs: T0 + at - lasts,
    }),
  );
const requests: fc.Arbitrary<RegistryRequest> = fc
  .record({
    registry,
    role: fc.constantFrom("mirror" as const, "upstream" as const, "witness" as const),
    host: fc.constantFrom("mirror:5000", "gcr.io", "quay.io", "127.0.0.1:478", "cdn.example"),
    kind: fc.constantFrom("manifest" as const, "blob" as const, "token" as const),
    status: fc.constantFrom(200, 206, 307, 401, 404, 429, 500, 999, 0),
  })
  .map((changes) => request(changes));
const notices: fc.Arbitrary<PullNotice> = fc
  .record({
    registry,
    repository,
    at: moment,
    ok: fc.boolean(),
    from: fc.constantFrom("events" as const, "log" as const),
  })
  .map(({ at, ...changes }) =>
    notice(T0 + at, { ...changes, reference: `${changes.registry}/${changes.repository}:1` }),
  );
const hits: fc.Arbitrary<WitnessHit> = fc
  .record({ registry, repository, at: moment, method: fc.constantFrom("HEAD", "GET") })
  .map(({ at, ...changes }) =>
    hit(T0 + at, { ...changes, object: changes.method === "GET" ? digest("a") : "1" }),
  );

/** Counters and verdicts of all registries. */
function outcome(ledger: Ledger, nowMs: number) {
  advanceLedger(ledger, nowMs);
  const { registries, unwatched } = reportEvidence(ledger, nowMs);
  return {
    registries: registries.map(({ namespace, pulls, fallbacks, lastMirrorPullMs, verdict }) => ({
      namespace,
      pulls,
      fallbacks,
      lastMirrorPullMs,
      verdict: verdict.name,
    })),
    unwatched,
    requests: [...ledger.books.values(), ledger.unwatched].map((book) =>
      listRequestCounts(book.requests).filter(({ count }) => count > 0),
    ),
  };
}

/** Cells of unknown hosts come into being with their first request. */
function sorted(result: ReturnType<typeof outcome> | undefined): readonly string[] {
  return (result?.requests ?? []).map((counts) =>
    counts
      .map((count) => JSON.stringify(count))
      .sort()
      .join(),
  );
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

test("every pull that is told in full is counted once, and every request but the witness's", () => {
  fc.assert(
    fc.property(fc.array(traced), fc.array(requests), (pulls, asked) => {
      const ledger = ledgerWith({ watched, up: ["trace"] });
      for (const pull of pulls) recordPull(ledger, pull, T0 + 2 * hour);
      for (const one of asked) recordRequest(ledger, one);
      const { registries, unwatched, requests } = outcome(ledger, T0 + 2 * hour);
      const paths = [...registries, unwatched].map((one) => total(Object.values(one.pulls)));
      assert.equal(total(paths), pulls.length);
      for (const path of PULL_PATHS) {
        const counted = total([...registries, unwatched].map((one) => one.pulls[path]));
        assert.equal(counted, pulls.filter((pull) => pull.path === path).length);
      }
      assert.equal(
        total(requests.flat().map(({ count }) => count)),
        asked.filter(({ role }) => role !== "witness").length,
      );
    }),
  );
});

test("the order in which traced pulls and requests are told changes no counter and no verdict", () => {
  const shuffled = fc
    .array(
      fc.oneof(
        traced.map((pull) => ({ pull })),
        requests.map((one) => ({ one })),
      ),
    )
    .chain((events) =>
      fc.tuple(fc.constant(events), fc.shuffledSubarray(events, { minLength: events.length })),
    );
  fc.assert(
    fc.property(shuffled, ([events, reordered]) => {
      const [first, second] = [events, reordered].map((list) => {
        const ledger = ledgerWith({ watched, up: ["trace"] });
        for (const event of list) {
          if ("pull" in event) recordPull(ledger, event.pull, T0 + 2 * hour);
          else recordRequest(ledger, event.one);
        }
        return outcome(ledger, T0 + 2 * hour);
      });
      assert.deepEqual(sorted(first), sorted(second));
    }),
  );
});

test("hits before their notice or after it, the pull comes out the same", () => {
  fc.assert(
    fc.property(fc.array(hits, { maxLength: 6 }), fc.boolean(), (seen, hitsFirst) => {
      const end = T0 + hour;
      const ledger = ledgerWith({ watched });
      const near = seen.map((one, index) => ({
        ...one,
        registry: "gcr.io",
        repository: "a",
        atMs: end - 100 - index,
      }));
      const tell = () => recordNotice(ledger, notice(end, { repository: "a", reference: "gcr.io/a:1" }), end);
      if (!hitsFirst) tell();
      for (const one of near) recordHit(ledger, one, end);
      if (hitsFirst) tell();
      const got = near.filter(({ method }) => method === "GET").length;
      const expected = near.length === 0 ? "mirror" : got === 0 ? "upstream" : "mixed";
      const [gcrOutcome] = outcome(ledger, end + 3000).registries;
      assert.deepEqual([gcrOutcome?.pulls[expected], gcrOutcome?.fallbacks], [1, near.length]);
    }),
  );
});

test("whatever is told, in whatever order and however often, the ledger stays small", () => {
  const ledger = ledgerWith({ watched, up: ["trace", "witness"] });
  const name = (index: number) => `repository-${index}`;
  for (let index = 0; index < 8_000; index++) {
    const at = T0 + index;
    const registry = `registry-${index}.example`;
    const object = { repository: name(index), reference: `gcr.io/${name(index)}:1` };
    recordRequest(
      ledger,
      request({ registry, host: `host-${index}`, role: index % 2 === 0 ? "mirror" : "upstream" }),
    );
    recordRequest(ledger, request({ host: `host-${index}` }));
    recordHit(ledger, hit(at, { repository: name(index), method: "GET" }), at);
    recordProbe(
      ledger,
      probe(at, false, { host: `host-${index}`, registry: index % 2 === 0 ? "gcr.io" : registry }),
    );
    recordNotice(ledger, notice(at, object), at);
    recordNotice(ledger, canaryNotice(at, false, object), at);
    if (index % 7 === 0)
      recordPull(
        ledger,
        tracedPull(at, "mixed", { ...object, requests: [request({ role: "upstream" })] }),
        at,
      );
    recordSource(ledger, { source: "trace", up: index % 2 === 0, message: "x".repeat(index) }, T0);
    if (index % 50 === 0) advanceLedger(ledger, at);
  }
  advanceLedger(ledger, T0 + 8_000);
  const { desk, recentFallbacks, recentPulls, books, unwatched } = ledger;
  assert.ok(desk.waiting.length <= EVIDENCE_LIMITS.waitingPulls);
  assert.ok(desk.hits.length <= 1.25 * EVIDENCE_LIMITS.hits);
  assert.ok(desk.traced.length <= 1.25 * EVIDENCE_LIMITS.tracedPulls);
  assert.equal(recentFallbacks.length, EVIDENCE_LIMITS.recentFallbacks);
  assert.equal(recentPulls.length, EVIDENCE_LIMITS.recentPulls);
  assert.deepEqual([...books.keys()], ["gcr.io", "quay.io"]);
  for (const book of [...books.values(), unwatched]) {
    assert.ok(book.requests.cells.size <= 4);
    assert.ok(book.probes.size <= 2);
    assert.ok(book.canaryFailures.size <= 100);
  }
  const report = JSON.stringify(reportEvidence(ledger, T0 + 8_000));
  assert.ok(report.length < 60_000, `${report.length} characters`);
});

test("the same events at the same moments make the same ledger", () => {
  const event = fc.oneof(
    traced.map((pull) => (ledger: Ledger, at: number) => recordPull(ledger, pull, at)),
    notices.map((one) => (ledger: Ledger, at: number) => recordNotice(ledger, one, at)),
    hits.map((one) => (ledger: Ledger, at: number) => recordHit(ledger, one, at)),
    requests.map((one) => (ledger: Ledger) => recordRequest(ledger, one)),
    fc.constant((ledger: Ledger, at: number) =>
      watchRegistries(ledger, watched.toReversed(), () => true, at),
    ),
    fc.constant((ledger: Ledger, at: number) => advanceLedger(ledger, at)),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(event, moment)), (events) => {
      const inTime = events.toSorted(([, a], [, b]) => a - b);
      const [first, second] = [0, 1].map(() => {
        const ledger = ledgerWith({ watched, up: ["trace", "witness"] });
        for (const [act, at] of inTime) act(ledger, T0 + at);
        return JSON.stringify(reportEvidence(ledger, T0 + 2 * hour));
      });
      assert.equal(first, second);
    }),
  );
});
