import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type OtlpSpan, readExports } from "../../../support/otlp.ts";
import { type Collected, collect, line, readSpanList } from "./collected.ts";

function collectFixture(name: string, change: (span: OtlpSpan) => OtlpSpan = (span) => span): Collected {
  return collect(readExports(name).map((spans) => readSpanList(spans.map(change))));
}

const mixed = [
  "mirror 127.0.0.1:5000 HEAD gcr.io/team/app3 manifest 1.0 200",
  "mirror 127.0.0.1:5000 GET gcr.io/team/app3 manifest 3908 200",
  "mirror 127.0.0.1:5000 GET gcr.io/team/app3 blob 9568 404",
  "upstream gcr.io GET gcr.io/team/app3 blob 9568 200",
  "mirror 127.0.0.1:5000 GET gcr.io/team/app3 blob 8bbb 404",
  "upstream gcr.io GET gcr.io/team/app3 blob 8bbb 200",
  "mirror 127.0.0.1:5000 GET gcr.io/team/app3 blob 6206 404",
  "upstream gcr.io GET gcr.io/team/app3 blob 6206 200",
];

test("2.1: manifest from the mirror, content from the upstream", () => {
  const { requests, pulls, notices } = collectFixture("2.1-mixed");
  assert.deepEqual(requests.map(line), mixed);
  assert.deepEqual(notices, []);
  const [pull, ...more] = pulls;
  assert.deepEqual(more, []);
  const { startedMs, endedMs, requests: told, traceId, ...rest } = pull ?? assert.fail("no pull");
  assert.deepEqual(rest, {
    source: "trace",
    registry: "gcr.io",
    repository: "team/app3",
    reference: "gcr.io/team/app3:1.0",
    path: "mixed",
    reason: "127.0.0.1:5000 answered 404",
  });
  assert.match(traceId ?? "", /^[0-9a-f]{32}$/);
  assert.deepEqual(told, requests);
  assert.ok(startedMs < endedMs && endedMs - startedMs < 10_000);
  for (const { atMs, durationMs } of requests) {
    assert.ok(atMs >= startedMs && atMs <= endedMs);
    assert.ok(durationMs > 0 && durationMs < 10_000);
  }
});

/** What builds with an older library call the same things. */
const oldNames: Readonly<Record<string, string>> = {
  "http.request.method": "http.method",
  "url.full": "http.url",
  "http.response.status_code": "http.status_code",
  "server.address": "net.peer.name",
  "server.port": "net.peer.port",
};

test("the older names of attributes, and both at once, read the same", () => {
  const wanted = collectFixture("2.1-mixed");
  const renamed = (span: OtlpSpan): OtlpSpan => ({
    ...span,
    attributes: (span.attributes ?? []).map(({ key, value }) => ({ key: oldNames[key] ?? key, value })),
  });
  assert.deepEqual(collectFixture("2.1-mixed", renamed), wanted);
  const both = (span: OtlpSpan): OtlpSpan => ({
    ...span,
    attributes: [...(span.attributes ?? []), ...(renamed(span).attributes ?? [])],
  });
  assert.deepEqual(collectFixture("2.1-mixed", both), wanted);
});

test("spans come in any order, and in several exports", () => {
  const wanted = collectFixture("2.1-callers-trace");
  assert.equal(wanted.pulls.length, 2);
  const spans = readSpanList(readExports("2.1-callers-trace").flat());
  fc.assert(
    fc.property(
      fc.shuffledSubarray([...spans], { minLength: spans.length }),
      fc.nat({ max: spans.length }),
      (shuffled, cut) => {
        const got = collect([shuffled.slice(0, cut), shuffled.slice(cut)]);
        assert.deepEqual(got.requests.map(line).sort(), wanted.requests.map(line).sort());
        assert.deepEqual(sorted(got), sorted(wanted));
      },
    ),
  );
});

function sorted({ pulls }: Collected) {
  return [...pulls].sort((a, b) => a.repository.localeCompare(b.repository));
}

test("2.1: several pulls in the trace of their caller are told apart", () => {
  const { pulls } = collectFixture("2.1-callers-trace");
  assert.deepEqual(
    pulls.map(({ repository, path, requests }) => [repository, path, requests.length]),
    [
      ["kubelet/a", "mirror", 4],
      ["kubelet/b", "upstream", 8],
    ],
  );
});

test("2.1: a token request is the mirror's, and nothing of its query is kept", () => {
  const told = collectFixture("2.1-token");
  assert.deepEqual(told.requests.map(line), [
    "mirror 127.0.0.1:5000 HEAD gcr.io/team/app13 manifest 1.0 401",
    "mirror 127.0.0.1:5000 GET token 200",
    "mirror 127.0.0.1:5000 HEAD gcr.io/team/app13 manifest 1.0 200",
    "mirror 127.0.0.1:5000 GET gcr.io/team/app13 manifest 2dfd 200",
    "mirror 127.0.0.1:5000 GET gcr.io/team/app13 blob a780 200",
    "mirror 127.0.0.1:5000 GET gcr.io/team/app13 blob 0cf6 200",
    "mirror 127.0.0.1:5000 GET gcr.io/team/app13 blob dd30 200",
  ]);
  const token = told.requests.find(({ kind }) => kind === "token");
  assert.deepEqual([token?.registry, token?.repository, token?.object], ["gcr.io", "", ""]);
  assert.equal(told.pulls[0]?.path, "mirror");
  assert.doesNotMatch(JSON.stringify(told), /scope|\?|ns=/);
});

test("2.1, local pull: what the mirror redirects to is the mirror's, without user and query", () => {
  const told = collectFixture("2.1-local-redirect");
  const blobs = told.requests.filter(({ kind }) => kind === "blob");
  assert.equal(blobs.length, 6);
  for (const { status, redirectedTo, host, role } of blobs)
    assert.deepEqual(
      [status, redirectedTo, host, role],
      status === 307
        ? [307, "storage.lab.example", "127.0.0.1:5000", "mirror"]
        : [200, undefined, "storage.lab.example", "mirror"],
    );
  assert.ok(
    blobs.every(({ repository, object }) => repository === "team/app19" && object.startsWith("sha256:")),
  );
  assert.deepEqual([told.pulls.length, told.pulls[0]?.path], [1, "mirror"]);
  assert.doesNotMatch(JSON.stringify(told), /sig=|secret|user|pw/);
});

test("2.1: a mirror that refuses the connection: containerd's words say why", () => {
  const { requests, pulls } = collect(readExports("2.1-refused").map(readSpanList), [
    { namespace: "*", mirrors: ["http://127.0.0.1:1"], upstream: "allow" },
  ]);
  const failed = requests.filter(({ role }) => role === "mirror");
  assert.equal(failed.length, 5);
  for (const { status, error } of failed)
    assert.deepEqual([status, error], [undefined, "dial tcp 127.0.0.1:1: connect: connection refused"]);
  assert.equal(pulls[0]?.path, "upstream");
  assert.equal(pulls[0]?.reason, "127.0.0.1:1: dial tcp 127.0.0.1:1: connect: connection refused");
});

test("1.7 without spans for requests: that a pull ended, and which mirror was skipped", () => {
  const { requests, pulls, notices } = collectFixture("1.7-info-404");
  assert.deepEqual([requests, pulls], [[], []]);
  const [notice] = notices;
  assert.deepEqual(
    { ...notice, startedMs: 0, endedMs: 0 },
    {
      from: "trace",
      registry: "gcr.io",
      repository: "team/app4",
      reference: "gcr.io/team/app4:1.0",
      startedMs: 0,
      endedMs: 0,
      ok: true,
      skipped: [{ host: "127.0.0.1:5000", reason: "answered 404" }],
    },
  );
});

test("1.7 without spans for requests: a pull that failed, and that nobody had the image", () => {
  const { requests, pulls, notices } = collectFixture("1.7-info-missing");
  assert.deepEqual([requests, notices], [[], []]);
  const [pull] = pulls;
  assert.deepEqual(
    [pull?.path, pull?.isMissingImage, pull?.reason, pull?.requests],
    ["failed", true, "127.0.0.1:5000 answered 404; gcr.io answered 404", []],
  );
});

test("1.7: the pause image of a sandbox is a pull, too", () => {
  const { notices } = collectFixture("1.7-sandbox");
  assert.deepEqual(
    notices.map(({ reference, ok }) => [reference, ok]),
    [["registry.k8s.io/pause:3.8", true]],
  );
});

test("1.7 at level debug: requests from the log lines", () => {
  const { requests, pulls } = collectFixture("1.7-debug-mixed");
  const shape = (lines: readonly string[]) =>
    lines.map((each) => each.replace(/ [0-9a-f]{4} (\d+)$/, " # $1")).sort();
  assert.deepEqual(shape(requests.map(line)), shape(mixed));
  assert.deepEqual([pulls[0]?.path, pulls[0]?.reason], ["mixed", "127.0.0.1:5000 answered 404"]);
});

test("1.7 at level debug: a request that was logged and, for want of a token, never sent does not count", () => {
  const { requests, pulls } = collectFixture("1.7-debug-token-refused");
  assert.deepEqual(
    requests
      .filter(({ role }) => role === "mirror")
      .map(({ method, kind, status }) => [method, kind, status]),
    [
      ["HEAD", "manifest", 401],
      ["GET", "manifest", 401],
    ],
  );
  assert.equal(requests.length, 7);
  assert.equal(pulls[0]?.path, "upstream");
});

test("log lines beside spans for requests are not counted again", () => {
  const logged = readExports("1.7-debug-mixed")
    .flat()
    .flatMap(({ events = [] }) => events);
  const talking = (span: OtlpSpan): OtlpSpan =>
    span.name === "pkg.unpack.unpacker.UnpackHandler" ? { ...span, events: logged } : span;
  assert.deepEqual(collectFixture("2.1-mixed", talking), collectFixture("2.1-mixed"));
});

test("2.1: a pull of ctr counts and is known for what it is; a push is none", () => {
  const { pulls, requests } = collectFixture("2.1-ctr");
  assert.deepEqual(
    pulls.map(({ repository, path, reason, isOutsideCri, reference }) => [
      repository,
      path,
      reason,
      isOutsideCri,
      reference,
    ]),
    [["ctr/app2", "upstream", "no mirror was asked", true, undefined]],
  );
  assert.equal(requests.length, 4);
  assert.deepEqual(collectFixture("2.1-ctr-push"), { requests: [], pulls: [], notices: [] });
});
