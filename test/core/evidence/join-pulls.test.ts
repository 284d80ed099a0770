import assert from "node:assert/strict";
import { test } from "node:test";
import { shortObject } from "../../../src/core/evidence/clean-text.ts";
import type { LoggedFallback, WatchedRegistry } from "../../../src/core/evidence/evidence-report.ts";
import type { Ledger } from "../../../src/core/evidence/ledger.ts";
import type { PullNotice, PullPath, WitnessHit } from "../../../src/core/evidence/pull.ts";
import {
  advanceLedger,
  nextAdvanceMs,
  recordHit,
  recordLogged,
  recordNotice,
  recordProbe,
  recordPull,
  recordSource,
} from "../../../src/core/evidence/record-evidence.ts";
import type { RegistryRequest } from "../../../src/core/evidence/registry-request.ts";
import { reportEvidence } from "../../../src/core/evidence/report-evidence.ts";
import {
  canaryNotice,
  digest,
  evidenceOf,
  gcr,
  hit,
  hitsOfBypass,
  ledgerWith,
  notice,
  probe,
  request,
  T0,
  tracedPull,
} from "./support/evidence.ts";

const second = 1000;

/** A request with this answer, or with none. */
function unanswerable(changes: Partial<RegistryRequest>, status: number | undefined): RegistryRequest {
  const { status: _, ...rest } = request(changes);
  return status === undefined ? { ...rest, error: "connection refused" } : { ...rest, status };
}

/** Only the paths that were counted. */
function counted(ledger: Ledger, nowMs: number, namespace?: string): Partial<Record<PullPath, number>> {
  const { pulls } = evidenceOf(ledger, nowMs, namespace);
  return Object.fromEntries(Object.entries(pulls).filter(([, count]) => count > 0));
}

test("a pull of which nothing reached the witness came from mirrors", () => {
  const ledger = ledgerWith();
  recordNotice(ledger, notice(T0), T0);
  assert.deepEqual(counted(ledger, T0 + second), {}, "hits may still be on their way");
  assert.equal(nextAdvanceMs(ledger), T0 + 2 * second);
  assert.deepEqual(counted(ledger, T0 + 2 * second), { mirror: 1 });
  const { verdict, lastMirrorPullMs } = evidenceOf(ledger, T0 + 2 * second);
  assert.deepEqual([verdict.name, verdict.source, lastMirrorPullMs], ["mirrored", "witness", T0]);
});

test("what reached the witness decides the path", () => {
  const [head, manifest, blob] = hitsOfBypass(T0);
  const cases: readonly (readonly [readonly (typeof head)[], PullPath, string])[] = [
    [[head, manifest, blob], "upstream", "bypassed"],
    [[manifest, blob], "upstream", "bypassed"],
    [[blob], "mixed", "mixed"],
    [[head, manifest], "mixed", "mixed"],
    [[head], "upstream", "bypassed"],
  ];
  for (const [hits, path, name] of cases) {
    const ledger = ledgerWith();
    for (const one of hits) if (one !== undefined) recordHit(ledger, one, T0);
    recordNotice(ledger, notice(T0), T0);
    assert.deepEqual(counted(ledger, T0 + 5 * second), { [path]: 1 });
    const { verdict, fallbacks } = evidenceOf(ledger, T0 + 5 * second);
    assert.deepEqual([verdict.name, verdict.source, fallbacks], [name, "witness", hits.length]);
  }
});

test("hits may come after the notice, in any order", () => {
  const ledger = ledgerWith();
  recordNotice(ledger, notice(T0), T0);
  for (const one of hitsOfBypass(T0).toReversed()) recordHit(ledger, one, T0 + 1.5 * second);
  assert.deepEqual(counted(ledger, T0 + 3 * second), { upstream: 1 });
});

test("where it is known what a pull fetched, each part has come from one side", () => {
  const [head, manifest, blob, other] = hitsOfBypass(T0);
  const object = (letter: string, kind: "manifest" | "blob") => ({ digest: digest(letter), kind });
  const all = [object("a", "manifest"), object("b", "blob"), object("c", "blob")];
  const cases = [
    { hits: [head, manifest, blob, other], fetched: all, path: "upstream" },
    { hits: [head, manifest, blob], fetched: all, path: "mixed" },
    { hits: [head, manifest], fetched: all.slice(0, 1), path: "upstream" },
    { hits: [head], fetched: all, path: "mixed" },
    { hits: [head], fetched: [], path: "upstream" },
    { hits: [], fetched: all, path: "mirror" },
  ] as const;
  for (const { hits, fetched, path } of cases) {
    const ledger = ledgerWith();
    for (const one of hits) if (one !== undefined) recordHit(ledger, one, T0);
    recordNotice(ledger, notice(T0, { fetched }), T0);
    assert.deepEqual(counted(ledger, T0 + 5 * second), { [path]: 1 });
  }
});

test("mirrors that a trace without requests shows to have been skipped are as good as a hit", () => {
  const skipped = [{ host: "mirror:5000", reason: "answered 404" }];
  const two = { ...gcr, mirrors: [...gcr.mirrors, "https://second:5000"] };
  const verdictWith = (watched: WatchedRegistry) => {
    const ledger = ledgerWith({ watched: [watched], up: ["trace"] });
    recordNotice(ledger, notice(T0, { from: "trace", startedMs: T0 - second, skipped }), T0);
    const { verdict } = evidenceOf(ledger, T0 + 5 * second);
    return [verdict.name, verdict.source, verdict.message];
  };
  assert.deepEqual(verdictWith(gcr), [
    "bypassed",
    "trace",
    "team/app:1.0 came from gcr.io: mirror:5000 answered 404",
  ]);
  assert.equal(verdictWith(two)[0], "unproven", "the second mirror may have served it");
  assert.equal(verdictWith({ ...gcr, pullOnly: true })[0], "unproven");
});

test("what the log tells counts where neither the witness nor traces see it, and else adds its words", () => {
  const line: LoggedFallback = {
    atMs: T0 - 900,
    registry: "gcr.io",
    repository: "team/app",
    object: "1.0",
    kind: "manifest",
    method: "HEAD",
    source: "log",
    wentTo: "gcr.io",
    reason: "mirror:5000 answered 503",
  };
  const outcome = (up: readonly ("witness" | "trace")[], hits: readonly WitnessHit[]) => {
    const ledger = ledgerWith({ up });
    for (const one of hits) recordHit(ledger, one, T0);
    recordLogged(ledger, line, T0);
    recordNotice(ledger, notice(T0), T0);
    const { verdict, fallbacks } = evidenceOf(ledger, T0 + 15 * second);
    const { recentFallbacks } = reportEvidence(ledger, T0);
    return [verdict.name, verdict.source, fallbacks, recentFallbacks.map(({ reason }) => reason).join()];
  };
  assert.deepEqual(outcome([], []), ["bypassed", "log", 1, "mirror:5000 answered 503"]);
  assert.deepEqual(outcome(["witness"], [hit(T0 - 900)]), [
    "bypassed",
    "witness",
    1,
    "mirror:5000 answered 503",
  ]);
});

test("at level debug the log tells what was fetched beyond the mirrors, and that is judged as hits are", () => {
  const about = { registry: "gcr.io", repository: "team/app", source: "log", wentTo: "gcr.io" } as const;
  const line = (kind: "manifest" | "blob", method: "HEAD" | "GET", object: string): LoggedFallback => ({
    ...about,
    ...{ atMs: T0 - 900, reason: "mirror:5000: 404 Not Found" },
    ...{ kind, method, object: shortObject(object) },
  });
  const tag = line("manifest", "HEAD", "1.0");
  const manifest = line("manifest", "GET", digest("a"));
  const blob = line("blob", "GET", digest("b"));
  const both = [
    { digest: digest("a"), kind: "manifest" },
    { digest: digest("b"), kind: "blob" },
  ] as const;
  const pathOf = (lines: readonly LoggedFallback[], fetched?: PullNotice["fetched"]) => {
    const ledger = ledgerWith({ up: [] });
    for (const one of lines) recordLogged(ledger, one, T0);
    recordNotice(ledger, notice(T0, fetched === undefined ? {} : { fetched }), T0);
    return Object.keys(counted(ledger, T0 + 15 * second)).join();
  };
  assert.equal(pathOf([tag, manifest, blob]), "upstream");
  assert.equal(pathOf([blob]), "mixed");
  assert.equal(pathOf([tag, manifest, blob], both), "upstream");
  assert.equal(pathOf([tag, blob], both), "mixed");
});

test("each pull has its own hits", () => {
  const ledger = ledgerWith();
  const tell = (repository: string, endedMs: number, startedMs?: number) => {
    const reference = `gcr.io/${repository}:1.0`;
    const start = startedMs === undefined ? {} : { startedMs };
    recordNotice(ledger, notice(endedMs, { repository, reference, ...start }), endedMs);
  };
  for (const one of hitsOfBypass(T0, { repository: "a" })) recordHit(ledger, one, one.atMs);
  tell("b", T0);
  tell("a", T0);
  assert.deepEqual(counted(ledger, T0 + 5 * second), { mirror: 1, upstream: 1 });
  tell("a", T0 + 10 * second);
  assert.deepEqual(counted(ledger, T0 + 15 * second), { mirror: 2, upstream: 1 }, "hits are used up");
  for (const one of hitsOfBypass(T0 + 20 * second, { repository: "c" })) recordHit(ledger, one, one.atMs);
  tell("c", T0 + 24 * second, T0 + 23 * second);
  assert.deepEqual(counted(ledger, T0 + 30 * second), { mirror: 3, upstream: 1 }, "earlier than its start");
  tell("c", T0 + 20 * second, T0 + 19 * second);
  assert.deepEqual(counted(ledger, T0 + 60 * second), { mirror: 3, upstream: 2 });
});

test("the HEAD of another tag, and of a try long ago, belongs to another pull", () => {
  const ledger = ledgerWith();
  recordHit(ledger, hit(T0, { object: "2.0" }), T0);
  recordHit(ledger, hit(T0 - 20 * second), T0);
  recordNotice(ledger, notice(T0), T0);
  assert.deepEqual(counted(ledger, T0 + 5 * second), { mirror: 1 });
});

test("without the witness a pull of which only the end is known proves nothing", () => {
  for (const witnessed of [true, false]) {
    const ledger = ledgerWith({ up: witnessed ? [] : ["witness"] });
    const book = ledger.books.get("gcr.io");
    if (book !== undefined) book.isInForce = witnessed;
    recordNotice(ledger, notice(T0), T0);
    assert.deepEqual(counted(ledger, T0 + 5 * second), {});
    const { verdict } = evidenceOf(ledger, T0 + 5 * second);
    assert.deepEqual([verdict.name, /nobody saw which host/.test(verdict.message)], ["unproven", true]);
  }
});

test("a hit proves a fallback even where none was expected", () => {
  const ledger = ledgerWith({ up: [] });
  for (const one of hitsOfBypass(T0)) recordHit(ledger, one, T0);
  recordNotice(ledger, notice(T0), T0);
  assert.deepEqual(counted(ledger, T0 + 5 * second), { upstream: 1 });
});

test("where mirrors are for digests only, tags asked of the upstream are no fallback", () => {
  const ledger = ledgerWith({ watched: [{ ...gcr, pullOnly: true }] });
  recordHit(ledger, hit(T0 - 500), T0);
  recordNotice(ledger, notice(T0), T0);
  assert.deepEqual(counted(ledger, T0 + 5 * second), { mirror: 1 });
  assert.equal(evidenceOf(ledger, T0 + 5 * second).fallbacks, 0);
});

test("where mirrors are for digests only, a tag from the upstream makes no traced pull a mixed one", () => {
  const head = request({ method: "HEAD", object: "1.0", role: "upstream", host: "gcr.io" });
  const pathWith = (more: readonly RegistryRequest[], pullOnly: boolean) => {
    const ledger = ledgerWith({ watched: [pullOnly ? { ...gcr, pullOnly } : gcr], up: ["trace"] });
    recordPull(ledger, tracedPull(T0, "mixed", { requests: [head, request(), ...more] }), T0);
    return [Object.keys(counted(ledger, T0)).join(), evidenceOf(ledger, T0).fallbacks];
  };
  assert.deepEqual(pathWith([], true), ["mirror", 0]);
  assert.deepEqual(pathWith([], false), ["mixed", 1]);
  const blob = request({ kind: "blob", object: digest("b"), role: "upstream", host: "gcr.io" });
  assert.deepEqual(pathWith([blob], true), ["mixed", 1]);
});

test("a pull that a trace tells is counted once, whoever else tells of it, before or after", () => {
  const events = notice(T0);
  const spans = notice(T0, { from: "trace", startedMs: T0 - second });
  const log = notice(T0 + 50, { from: "log", startedMs: T0 - 990 });
  const canary = canaryNotice(T0, true, { repository: "team/app", reference: "gcr.io/team/app:1.0" });
  const trace = tracedPull(T0 - 10, "upstream");
  for (const [before, after] of [
    [[], [events, spans, log]],
    [[events, spans, log], []],
    [[log, events], [spans]],
  ]) {
    for (const withCanary of [false, true]) {
      const ledger = ledgerWith({ up: ["trace", "witness"] });
      for (const one of before ?? []) recordNotice(ledger, one, T0 + 100);
      if (withCanary) recordNotice(ledger, canary, T0 + 100);
      recordPull(ledger, trace, T0 + 1500);
      for (const one of after ?? []) recordNotice(ledger, one, T0 + 1600);
      assert.deepEqual(counted(ledger, T0 + 60 * second), { upstream: 1 });
    }
  }
});

test("without a trace, several that tell of one pull are one pull, with the best of what each knows", () => {
  const ledger = ledgerWith();
  for (const one of hitsOfBypass(T0)) recordHit(ledger, one, T0);
  const image = { repository: "team/app", reference: "gcr.io/team/app:1.0" };
  recordNotice(ledger, notice(T0), T0);
  recordNotice(ledger, canaryNotice(T0 + 20, true, image), T0 + 30);
  recordNotice(ledger, notice(T0 + 10, { from: "log", startedMs: T0 - second }), T0 + 40);
  assert.deepEqual(counted(ledger, T0 + 60 * second), { upstream: 1 });
});

test("one source that tells of two pulls means two", () => {
  const ledger = ledgerWith();
  recordNotice(ledger, notice(T0), T0);
  recordNotice(ledger, notice(T0 + 300), T0 + 300);
  for (const start of [5000, 5200]) {
    const spans = notice(T0 + start + 400, { from: "log", startedMs: T0 + start });
    recordNotice(ledger, spans, T0 + 6000);
  }
  assert.deepEqual(counted(ledger, T0 + 60 * second), { mirror: 4 });
});

test("nobody waits for traces that never come", () => {
  const ledger = ledgerWith({ up: ["trace", "witness"] });
  const waits: number[] = [];
  for (let at = T0; at < T0 + 200 * second; at += 40 * second) {
    recordNotice(ledger, notice(at), at);
    waits.push(((nextAdvanceMs(ledger) ?? 0) - at) / second);
    advanceLedger(ledger, at + 20 * second);
  }
  assert.deepEqual(waits, [10, 10, 10, 2, 2]);
  recordPull(ledger, tracedPull(T0 + 300 * second, "mirror"), T0 + 301 * second);
  recordNotice(ledger, notice(T0 + 400 * second), T0 + 400 * second);
  assert.equal(nextAdvanceMs(ledger), T0 + 410 * second);
});

test("a failed pull is failing, unless its image is nowhere", () => {
  const verdictAfter = (error: string, probed?: boolean, upstream: "allow" | "never" = "allow") => {
    const ledger = ledgerWith({ watched: [{ ...gcr, upstream }] });
    if (probed !== undefined) recordProbe(ledger, probe(T0 - second, probed));
    recordNotice(ledger, notice(T0, { ok: false, error }), T0);
    assert.deepEqual(counted(ledger, T0 + 5 * second), { failed: 1 });
    return evidenceOf(ledger, T0 + 5 * second).verdict.name;
  };
  const missing = 'failed to resolve reference "gcr.io/team/app:1.0": gcr.io/team/app:1.0: not found';
  assert.equal(verdictAfter("dial tcp: connection refused"), "failing");
  assert.equal(verdictAfter(missing), "unproven");
  assert.equal(verdictAfter("unexpected media type text/html for sha256:0a: not found"), "failing");
  assert.equal(verdictAfter(missing, false), "unproven");
  assert.equal(verdictAfter(missing, true, "never"), "unproven");
  assert.equal(verdictAfter(missing, false, "never"), "failing", "from 2.0 on the witness's 404 hides why");
});

test("fallbacks are counted by the witness, or by the trace where the witness did not answer", () => {
  const objects: readonly Partial<RegistryRequest>[] = [
    { method: "HEAD", kind: "manifest", object: "1.0" },
    { method: "GET", kind: "manifest", object: digest("a") },
    { method: "GET", kind: "blob", object: digest("b") },
  ];
  const bypass = (status: number | undefined, asked: boolean) =>
    objects.flatMap((one) => [
      request({ ...one, status: 500 }),
      ...(asked ? [unanswerable({ ...one, role: "witness", host: "127.0.0.1:478" }, status)] : []),
      request({ ...one, role: "upstream", host: "gcr.io", status: 307, redirectedTo: "storage.example" }),
      request({ ...one, role: "upstream", host: "storage.example" }),
    ]);
  const fallbacksOf = (hits: number, witness: number | undefined, asked: boolean) => {
    const ledger = ledgerWith({ up: ["trace", "witness"] });
    for (const one of hitsOfBypass(T0).slice(0, hits)) recordHit(ledger, one, T0);
    recordPull(ledger, tracedPull(T0, "upstream", { requests: bypass(witness, asked) }), T0 + second);
    return evidenceOf(ledger, T0 + 5 * second).fallbacks;
  };
  assert.equal(fallbacksOf(3, 404, true), 3);
  assert.equal(fallbacksOf(2, 404, true), 3, "one hit was lost");
  assert.equal(fallbacksOf(0, undefined, false), 3, "no witness in the file");
  assert.equal(fallbacksOf(0, undefined, true), 3, "the witness was down");
});

test("what the witness saw is counted once, also where it turned the request away without a word", () => {
  const ledger = ledgerWith({ up: ["trace", "witness"] });
  recordHit(ledger, hit(T0 - 800), T0);
  const head: Partial<RegistryRequest> = { method: "HEAD", object: "1.0" };
  const requests = [
    request({ ...head, status: 500 }),
    unanswerable({ ...head, role: "witness", host: "127.0.0.1:478" }, undefined),
    request({ ...head, role: "upstream", host: "gcr.io" }),
  ];
  recordPull(ledger, tracedPull(T0, "upstream", { requests }), T0 + second);
  assert.equal(evidenceOf(ledger, T0 + second).fallbacks, 1);
});

test("where the upstream is closed, hits of which no pull is told are a pull that failed", () => {
  const closed = { ...gcr, upstream: "never" as const };
  const [head, manifest, blob] = hitsOfBypass(T0);
  const outcome = (hits: readonly (WitnessHit | undefined)[], probed?: boolean) => {
    const ledger = ledgerWith({ watched: [closed] });
    if (probed !== undefined) recordProbe(ledger, probe(T0 - second, probed));
    for (const one of hits) if (one !== undefined) recordHit(ledger, one, T0);
    assert.deepEqual(counted(ledger, T0 + 13 * second), {}, "somebody may tell of it yet");
    const { verdict, pulls } = evidenceOf(ledger, T0 + 16 * second);
    return [pulls.failed, verdict.name, verdict.source];
  };
  assert.deepEqual(outcome([blob]), [1, "failing", "witness"]);
  assert.deepEqual(outcome([manifest, blob]), [1, "failing", "witness"]);
  assert.deepEqual(outcome([head]), [1, "unproven", undefined], "nobody has the image");
  assert.deepEqual(outcome([head], true), [1, "unproven", undefined]);
  assert.deepEqual(outcome([head], false), [1, "failing", "witness"]);
  const retried = { ...hit(T0 - 30 * second), object: "1.0" };
  assert.deepEqual(outcome([hit(T0 - 900), hit(T0 - 800, { repository: "b" })], false)[0], 2);
  const ledger = ledgerWith({ watched: [closed] });
  for (const one of [retried, head]) if (one !== undefined) recordHit(ledger, one, T0);
  assert.equal(nextAdvanceMs(ledger), T0 - 15 * second);
  assert.deepEqual(counted(ledger, T0 + 20 * second), { failed: 2 }, "kubelet tries again");
});

test("hits are lost to nobody who tells of their pull in time, and to no open upstream", () => {
  const closed = { ...gcr, upstream: "never" as const };
  for (const started of [undefined, T0 - second]) {
    const ledger = ledgerWith({ watched: [closed] });
    recordHit(ledger, hit(T0 - 500), T0);
    const times = started === undefined ? {} : { startedMs: started };
    recordNotice(ledger, notice(T0, { from: "log", ok: false, error: "not found", ...times }), T0 + second);
    assert.deepEqual(counted(ledger, T0 + 60 * second), { failed: 1 });
  }
  const traced = ledgerWith({ watched: [closed], up: ["trace", "witness"] });
  recordHit(traced, hit(T0 - 500), T0);
  recordPull(traced, tracedPull(T0, "failed"), T0 + 2 * second);
  assert.deepEqual(counted(traced, T0 + 60 * second), { failed: 1 });
  const open = ledgerWith();
  recordHit(open, hit(T0 - 500), T0);
  assert.deepEqual(counted(open, T0 + 60 * second), {});
});

test("recent fallbacks tell each object once, in the words of whoever knows more", () => {
  const ledger = ledgerWith({ up: ["trace", "witness"] });
  recordHit(ledger, hit(T0 - 800, { method: "GET", object: digest("a") }), T0);
  assert.deepEqual(
    reportEvidence(ledger, T0).recentFallbacks.map(({ source, reason, wentTo }) => [source, reason, wentTo]),
    [["witness", "no mirror served it", "gcr.io"]],
  );
  const requests = [
    request({ atMs: T0 - 810, status: 404 }),
    request({ atMs: T0 - 800, role: "witness", host: "127.0.0.1:478", status: 404 }),
    request({ atMs: T0 - 700, role: "upstream", host: "gcr.io" }),
  ];
  recordPull(ledger, tracedPull(T0, "mixed", { requests }), T0 + second);
  assert.deepEqual(reportEvidence(ledger, T0 + second).recentFallbacks, [
    {
      atMs: T0 - 800,
      registry: "gcr.io",
      repository: "team/app",
      object: "sha256:aaaaaaaaaaaa",
      kind: "manifest",
      source: "trace",
      wentTo: "gcr.io",
      reason: "mirror:5000 answered 404",
    },
  ]);
});

test("where the upstream is closed, a fallback went nowhere", () => {
  const ledger = ledgerWith({ watched: [{ ...gcr, upstream: "never" }] });
  recordHit(ledger, hit(T0), T0);
  assert.equal(reportEvidence(ledger, T0).recentFallbacks[0]?.wentTo, "nowhere");
});

test("namespaces without an entry are booked under * where that is mirrored, else together and without a verdict", () => {
  const mirrored = ledgerWith({ watched: [{ ...gcr, namespace: "*" }] });
  recordPull(mirrored, tracedPull(T0, "upstream", { registry: "quay.io" }), T0);
  assert.deepEqual(counted(mirrored, T0, "*"), { upstream: 1 });
  assert.match(evidenceOf(mirrored, T0, "*").verdict.message, /came from quay\.io/);
  const plain = ledgerWith();
  for (const registry of ["quay.io", "ghcr.io"])
    recordPull(plain, tracedPull(T0, "upstream", { registry }), T0);
  const report = reportEvidence(plain, T0);
  assert.deepEqual([report.unwatched.pulls.upstream, report.unwatched.fallbacks], [2, 0]);
  assert.equal(report.registries.length, 1);
});

test("a source that goes down is believed at once", () => {
  const ledger = ledgerWith();
  recordNotice(ledger, notice(T0), T0);
  recordSource(ledger, { source: "witness", up: false, message: "address in use" }, T0);
  assert.deepEqual(counted(ledger, T0 + 5 * second), {});
});
