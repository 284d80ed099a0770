import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import type { Log } from "../../../src/agent/ports.ts";
import type { RegistryRequest } from "../../../src/core/evidence/registry-request.ts";
import { listenHttp } from "../../../src/edge/http-server.ts";
import { createPeerTrust } from "../../../src/edge/peer-trust.ts";
import { createTraceReceiver } from "../../../src/edge/traces/trace-receiver.ts";
import { createClock } from "../../../src/host/clock.ts";
import { createPeerOwners } from "../../../src/host/peer-owner.ts";
import { type Generation, type LabContainerd, startContainerd } from "../../support/containerd.ts";
import { type ContainerdPaths, defaultConfig } from "../../support/containerd-config.ts";
import { labSkipReason } from "../../support/lab-parts.ts";
import { createRecordingSink, type RecordingSink } from "../../support/recording-sink.ts";
import { type FatedPull, type FateSite, refusingHost, startFateSite } from "../support/pull-fates.ts";

let site: FateSite;

before(async () => {
  if (labSkipReason() === undefined) site = await startFateSite();
});

after(() => site?.stop());

const log: Log = { debug() {}, info() {}, warn: complain, error: complain };

function complain(fields: unknown, message: string): void {
  throw new Error(`${message}: ${JSON.stringify(fields)}`);
}

interface Observed {
  readonly daemon: LabContainerd;
  readonly sink: RecordingSink;
  /** All pulls were told: as many, and no more. */
  readonly pulled: readonly FatedPull[];
}

/** Brings every fate about on a containerd that exports its spans, and waits until all of them have been told. */
async function observe(
  t: TestContext,
  generation: Generation,
  below: string,
  config: (paths: ContainerdPaths) => string = (paths) => defaultConfig(generation, paths),
  environment: Readonly<Record<string, string>> = {},
): Promise<Observed> {
  const sink = createRecordingSink();
  const trustOf = createPeerTrust({ ownerOfPeer: createPeerOwners().ownerOf, ownUid: 0 });
  const { watched, witnessHost, upstream } = site;
  const receiver = createTraceReceiver({
    sink,
    watched: () => watched,
    witnessHost: () => witnessHost,
    trustOf,
    clock: createClock(),
    log,
  });
  const http = await listenHttp({
    address: "127.0.0.1:0",
    metricsAddress: undefined,
    allowedHosts: [],
    routes: [receiver.route],
    trustOf,
    log,
  });
  t.after(async () => {
    receiver.stop();
    await http.close();
  });
  const daemon = await startContainerd({
    generation,
    config,
    upstreamTrap: upstream.daemonOptions.upstreamTrap,
    environment: {
      ...upstream.daemonOptions.environment,
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `http://${http.address}/v1/traces`,
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/protobuf",
      OTEL_TRACES_SAMPLER: "always_on",
      OTEL_BSP_SCHEDULE_DELAY: "500",
      ...environment,
    },
  });
  t.after(() => daemon.stop());
  await site.prepare(daemon);
  site.clearAccessLog();
  const pulled = await site.pullAll(daemon, below);
  for (const { fate, ok, reference } of pulled) assert.equal(ok, fate.path !== "failed", reference);
  await sink.told(pulled.length);
  assert.equal(sink.pulls.length + sink.notices.length, pulled.length);
  assert.equal(receiver.sourceState().up, sink.notices.length === 0);
  assert.doesNotMatch(
    JSON.stringify([sink.requests, sink.pulls, sink.notices]),
    /secret|signature|lab-token|ns=/,
  );
  return { daemon, sink, pulled };
}

function requestLine({ host, method, kind, object, status }: RegistryRequest): string {
  return `${host} ${method} ${kind === "token" ? kind : `${kind}/${object}`} ${status ?? 0}`;
}

/** Of the host where nobody listens: what was then asked of its upstream. */
function withRefused(log: readonly string[]): readonly string[] {
  const asked = log.filter((line) => line.startsWith("refused.example "));
  return [...log, ...asked.map((line) => line.replace(/^\S+/, refusingHost).replace(/\d+$/, "0"))];
}

/** What containerd's own log tells: no tokens, and of a redirect the final answer alone. */
function asLogged(log: readonly string[]): readonly string[] {
  const stored = new Map(
    log
      .filter((line) => line.startsWith("storage.example "))
      .map((line) => [line.split(" ")[2], line.split(" ")[3]]),
  );
  return log
    .filter((line) => !line.startsWith("storage.example ") && !line.includes(" token "))
    .map((line) =>
      line.endsWith(" 307") ? line.replace(/307$/, stored.get(line.split(" ")[2]) ?? "") : line,
    );
}

function assertSame(actual: readonly string[], expected: readonly string[]): void {
  assert.ok(expected.length > 200);
  assert.deepEqual([...actual].sort(), [...expected].sort());
}

function assertPaths({ sink, pulled }: Observed): void {
  const told = sink.pulls.map(
    ({ reference, path, isMissingImage }) => `${reference} ${path} ${isMissingImage ?? false}`,
  );
  const wanted = pulled.map(
    ({ reference, fate }) => `${reference} ${fate.path} ${fate.isMissingImage ?? false}`,
  );
  // Two that end close together may be told in either order.
  assert.deepEqual(told.sort(), wanted.sort());
  for (const { path, reason, reference } of sink.pulls)
    assert.equal(reason === undefined, path === "mirror", `${reference}: ${reason}`);
  const ofPulls = sink.pulls.flatMap(({ requests }) => requests);
  assert.deepEqual(ofPulls, sink.requests);
  const repositories = new Set(pulled.map(({ repository }) => repository));
  for (const { kind, repository, registry } of sink.requests) {
    assert.ok(kind === "token" ? repository === "" : repositories.has(repository), repository);
    assert.match(registry, /^(?:gcr\.io|\w+\.example)$/);
  }
}

function assertRoles({ sink }: Observed): void {
  for (const { role, host, registry, kind } of sink.requests) {
    const upstream = registry === host && registry !== "never.example";
    if (kind !== "token" && host !== "storage.example")
      assert.equal(role, host === site.witnessHost ? "witness" : upstream ? "upstream" : "mirror", host);
  }
  assert.ok(sink.requests.some(({ role }) => role === "witness"));
}

const skip = labSkipReason() ?? false;
const timeout = 120_000;

test("2.1, transfer service: requests are the access logs', pulls are what they were", {
  skip,
  timeout,
}, async (t) => {
  const observed = await observe(t, "2.1", "transfer");
  assertSame(observed.sink.requests.map(requestLine), withRefused(site.accessLog()));
  assertPaths(observed);
  assertRoles(observed);
});

test("2.1, local pull, exports compressed: the same", { skip, timeout }, async (t) => {
  const table = '[plugins."io.containerd.cri.v1.images"]';
  const config = (paths: ContainerdPaths) =>
    defaultConfig("2.1", paths).replace(table, `${table}\n  use_local_image_pull = true`);
  const observed = await observe(t, "2.1", "local", config, {
    OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: "gzip",
  });
  assertSame(observed.sink.requests.map(requestLine), withRefused(site.accessLog()));
  assertPaths(observed);
  assertRoles(observed);
});

test("1.7 at level debug, without spans for requests: the same, as far as its log goes", {
  skip,
  timeout,
}, async (t) => {
  const observed = await observe(t, "1.7", "debug", (paths) =>
    defaultConfig("1.7", paths).replace("[grpc]", '[debug]\n  level = "debug"\n[grpc]'),
  );
  assertSame(observed.sink.requests.map(requestLine), asLogged(withRefused(site.accessLog())));
  assertPaths(observed);
  assertRoles(observed);
});

test("1.7 at level info: that pulls ended, which failed, and which mirrors were skipped", {
  skip,
  timeout,
}, async (t) => {
  const { sink, pulled } = await observe(t, "1.7", "info");
  assert.deepEqual(sink.requests, []);
  const failed = pulled.filter(({ fate }) => fate.path === "failed");
  assert.deepEqual(
    sink.pulls.map(({ reference, path, isMissingImage }) => [reference, path, isMissingImage ?? false]),
    failed.map(({ reference, fate }) => [reference, "failed", fate.isMissingImage ?? false]),
  );
  const skipped = new Map(
    sink.notices.map(({ reference, skipped }) => [reference.replace(/^.*\/|:1\.0$/g, ""), skipped]),
  );
  const none = { host: site.mirrorHost, reason: "gave no usable answer" };
  const notFound = { host: site.mirrorHost, reason: "answered 404" };
  for (const [name, wanted] of [
    ["served", undefined],
    ["answers-404", [notFound]],
    ["second-mirror", [notFound]],
    ["wants-basic", [none]],
    ["gives-no-token", [none]],
    ["resets", [none]],
    ["refuses", [{ ...none, host: refusingHost }]],
    // Of these it says nothing: the witness does.
    ["answers-500", undefined],
    ["no-layer", undefined],
  ] as const)
    assert.deepEqual(skipped.get(name), wanted, name);
});
