import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_REQUESTS } from "../../../../src/core/evidence/pull.ts";
import type { TraceOutput } from "../../../../src/core/evidence/traces/end-call.ts";
import { DEFAULT_LIMITS } from "../../../../src/core/evidence/traces/trace-collector.ts";
import { collected, collector, line, traceOf, watching } from "./collected.ts";

const { settleMs, idleMs, memoryMs } = DEFAULT_LIMITS;
const url = (object: string) => `http://127.0.0.1:5000/v2/team/app/${object}?ns=gcr.io`;
const upstreamUrl = (object: string) => `https://gcr.io/v2/team/app/${object}`;
const image = "gcr.io/team/app:1.0";

test("nothing is told before the pull is over and has settled, then requests first", () => {
  const collecting = collector();
  const trace = traceOf("t");
  assert.equal(collecting.dueMs(), undefined);
  assert.deepEqual(collecting.add([trace.request("HEAD", url("manifests/1.0"), 200)], 0), []);
  assert.equal(collecting.dueMs(), idleMs);
  assert.deepEqual(collecting.expire(100_000), []);
  assert.deepEqual(collecting.add([trace.root(image)], 100_000), []);
  assert.equal(collecting.dueMs(), 100_000 + settleMs);
  assert.deepEqual(collecting.add([trace.request("GET", url("manifests/2"), 200)], 101_000), []);
  assert.deepEqual(collecting.expire(100_000 + settleMs - 1), []);
  const outputs = collecting.expire(100_000 + settleMs);
  assert.deepEqual(
    outputs.map(({ kind }) => kind),
    ["request", "request", "pull"],
  );
  assert.equal(collecting.dueMs(), undefined);
  assert.deepEqual(collecting.expire(1e9), []);
});

test("spans of no pull leave nothing behind", () => {
  const collecting = collector();
  const spans = Array.from({ length: 1000 }, (_, i) =>
    traceOf(`t${i}`).span({ name: "runtime.v1.RuntimeService/ListContainers" }),
  );
  assert.deepEqual(collecting.add(spans, 0), []);
  assert.equal(collecting.dueMs(), undefined);
});

test("a straggler counts as a request and makes no second pull", () => {
  const collecting = collector();
  const trace = traceOf("t");
  collecting.add([trace.request("HEAD", url("manifests/1.0"), 200), trace.root(image)], 0);
  assert.equal(collected(collecting.expire(settleMs)).pulls.length, 1);
  const late = collected(collecting.add([trace.request("GET", upstreamUrl("blobs/1"), 200)], settleMs + 1));
  assert.deepEqual(late.requests.map(line), ["upstream gcr.io GET gcr.io/team/app blob 1 200"]);
  assert.deepEqual(collecting.expire(settleMs + memoryMs + idleMs), []);
});

test("a pull whose end never comes is told after a long silence: served, or not", () => {
  const collecting = collector();
  const trace = traceOf("t");
  const spans = [
    trace.request("HEAD", url("manifests/1.0"), 200),
    trace.request("GET", url("blobs/1"), 503),
    trace.request("GET", upstreamUrl("blobs/1"), undefined, { message: "EOF" }),
    trace.request("HEAD", "http://127.0.0.1:5000/v2/other/app/manifests/2.0?ns=gcr.io", 200),
  ];
  collecting.add(spans, 1000);
  assert.deepEqual(collecting.expire(1000 + idleMs - 1), []);
  const { requests, pulls } = collected(collecting.expire(1000 + idleMs));
  assert.equal(requests.length, 4);
  assert.deepEqual(
    pulls.map(({ repository, path, reason, reference }) => [repository, path, reason, reference]),
    [
      ["team/app", "failed", "127.0.0.1:5000 answered 503; gcr.io: EOF", undefined],
      ["other/app", "mirror", undefined, undefined],
    ],
  );
});

test("a mirror that was in force when the pull began is a mirror to its end", () => {
  let watched = watching("http://127.0.0.1:5000");
  const collecting = collector(() => watched);
  const trace = traceOf("t");
  collecting.add([trace.request("HEAD", url("manifests/1.0"), 200)], 0);
  watched = watching("http://next.example");
  const next = trace.request("GET", "http://next.example/v2/team/app/blobs/1?ns=gcr.io", 200);
  collecting.add([next, trace.root(image)], 10);
  const { requests, pulls } = collected(collecting.expire(10 + settleMs));
  assert.deepEqual(
    requests.map(({ role }) => role),
    ["mirror", "mirror"],
  );
  assert.equal(pulls[0]?.path, "mirror");
});

test("the parts of a pull that were told first are not told again with the whole", () => {
  const collecting = collector();
  const trace = traceOf("t");
  const attributes = new Map([["image.ref", image]]);
  const inner = trace.span({ spanId: "inner", parentId: "root", name: "pull.Pull", attributes });
  collecting.add([trace.request("HEAD", url("manifests/1.0"), 200, { parentId: "inner" }), inner], 0);
  assert.equal(collected(collecting.expire(settleMs)).pulls.length, 1);
  collecting.add([trace.root(image)], settleMs + 1);
  assert.deepEqual(collecting.expire(3 * settleMs), []);
});

test("a caller's trace holds another pull later", () => {
  const collecting = collector();
  const trace = traceOf("t");
  const pull = (spanId: string, nowMs: number): readonly TraceOutput[] => [
    ...collecting.add(
      [
        trace.request("HEAD", url(`manifests/${spanId}`), 200, { parentId: spanId }),
        trace.root(image, { spanId, parentId: "caller" }),
      ],
      nowMs,
    ),
    ...collecting.expire(nowMs + settleMs),
  ];
  assert.equal(collected(pull("one", 0)).pulls.length, 1);
  assert.equal(collected(pull("two", 10_000)).pulls.length, 1);
  assert.equal(collecting.dueMs(), 10_000 + memoryMs);
  collecting.expire(10_000 + memoryMs);
  assert.equal(collecting.dueMs(), undefined);
  assert.equal(collected(pull("three", 500_000)).pulls.length, 1);
});

test("a sandbox that pulled without naming the image: each repository is a pull, whatever became of the sandbox", () => {
  const collecting = collector();
  const trace = traceOf("t");
  const name = "runtime.v1.RuntimeService/RunPodSandbox";
  const root = trace.span({ spanId: "root", name, failed: true, message: "no network" });
  collecting.add([trace.request("HEAD", url("manifests/1.0"), 200), root], 0);
  const { pulls } = collected(collecting.expire(settleMs));
  assert.deepEqual(
    pulls.map(({ repository, path, isOutsideCri }) => [repository, path, isOutsideCri]),
    [["team/app", "mirror", undefined]],
  );
});

test("spans that go round in a circle, or hang on themselves, end", () => {
  const collecting = collector();
  const trace = traceOf("t");
  const circle = ["a", "b"].map((spanId, i) =>
    trace.span({ spanId, parentId: ["b", "a"][i] ?? "", name: "pkg.unpack.unpacker.unpack" }),
  );
  const self = trace.root(image, { spanId: "self", parentId: "self" });
  collecting.add([...circle, self, trace.request("HEAD", url("manifests/1"), 200, { parentId: "a" })], 0);
  collecting.add([trace.request("HEAD", url("manifests/2"), 200, { parentId: "self" })], 0);
  const { requests } = collected([...collecting.expire(settleMs), ...collecting.expire(settleMs + idleMs)]);
  assert.equal(requests.length, 2);
});

test("more requests than a trace may keep: all are told, once, and the pull knows its path", () => {
  const collecting = collector(undefined, { itemsPerTrace: 100 });
  const trace = traceOf("t");
  const outputs: TraceOutput[] = [];
  const add = (...spans: Parameters<typeof collecting.add>[0]) => outputs.push(...collecting.add(spans, 0));
  add(trace.request("GET", upstreamUrl("blobs/first"), 200));
  for (let i = 0; i < 2000; i++) add(trace.request("GET", url(`blobs/${i}`), 206));
  assert.ok(collected(outputs).requests.length >= 1900);
  add(trace.root(image));
  outputs.push(...collecting.expire(settleMs));
  const { requests, pulls } = collected(outputs);
  assert.equal(requests.length, 2001);
  assert.equal(new Set(requests.map(({ object }) => object)).size, 2001);
  assert.deepEqual(
    pulls.map(({ path, requests: told }) => [path, told.length]),
    [["mixed", MAX_REQUESTS]],
  );
});

test("no more traces and items than there is room for; nothing is lost from the count", () => {
  const collecting = collector(undefined, { traces: 10, items: 50 });
  const outputs: TraceOutput[] = [];
  for (let i = 0; i < 1000; i++) {
    const trace = traceOf(`t${i}`);
    const spans = [1, 2, 3].map((n) => trace.request("GET", url(`blobs/${n}`), 200));
    outputs.push(...collecting.add(spans, i));
  }
  assert.equal(collecting.cutShort(), 990);
  outputs.push(...collecting.expire(1000 + idleMs));
  assert.equal(collected(outputs).requests.length, 3000);
  assert.equal(collected(outputs).pulls.length, 1000);
  const big = traceOf("big");
  const spans = Array.from({ length: 60 }, (_, n) => big.request("GET", url(`blobs/${n}`), 200));
  assert.equal(collected(collecting.add(spans, 1e9)).requests.length, 60);
});

test("a trace with more spans than are kept still has its requests and its end", () => {
  const collecting = collector(undefined, { itemsPerTrace: 50 });
  const trace = traceOf("t");
  const parts = Array.from({ length: 500 }, () =>
    trace.span({ parentId: "root", name: "pkg.unpack.unpacker.unpackLayer" }),
  );
  const lost = trace.request("GET", url("blobs/1"), 200, { parentId: parts.at(-1)?.spanId ?? "" });
  const outputs = [...collecting.add([...parts, lost, trace.root(image)], 0), ...collecting.expire(settleMs)];
  const end = collected([...outputs, ...collecting.expire(settleMs + idleMs)]);
  assert.equal(end.requests.length, 1);
  assert.deepEqual(
    end.pulls.map(({ path, reference }) => [path, reference]),
    [["mirror", image]],
  );
});
