import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import type { ProbeImage } from "../../../src/agent/evidence/probe-ports.ts";
import { createProbeRounds } from "../../../src/agent/evidence/probe-rounds.ts";
import type { Clock } from "../../../src/agent/ports.ts";
import { parseImageReference } from "../../../src/core/containerd/image-reference.ts";
import { parseContainerdVersion } from "../../../src/core/containerd/version.ts";
import type { HostProbe, SourceState, WatchedRegistry } from "../../../src/core/evidence/evidence-report.ts";
import { createMirrorAsker } from "../../../src/edge/ask-mirror.ts";
import { createClock } from "../../../src/host/clock.ts";
import { createFiles } from "../../../src/host/files.ts";
import { sha256 } from "../../../src/host/sha256.ts";
import { createHttpClient } from "../../../src/registry/http-client.ts";
import { buildImage } from "../../support/image.ts";
import { type ScriptedRegistry, startScriptedRegistry } from "../../support/scripted-registry.ts";
import { createCa } from "../../support/tls.ts";

const CONFIG = "/etc/containerd/config.toml";

/** Rounds on files of a scratch folder, with a clock that the test moves from round to round. */
async function startRounds(t: TestContext, options: { readonly installed?: boolean } = {}) {
  const root = mkdtempSync(join(tmpdir(), "mirrorlet-rounds-"));
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  write(
    CONFIG,
    `version = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\nconfig_path = "/etc/containerd/certs.d"\n`,
  );
  const clock = manualClock();
  const timeouts = { dialMs: 2_000, handshakeMs: 2_000, responseMs: 500 };
  const client = createHttpClient({ environment: {}, timeouts });
  const images = new Map<string, ProbeImage>();
  const probes = new Map<string, HostProbe>();
  const sources: SourceState[] = [];
  let now = 0;
  const version = options.installed === false ? undefined : parseContainerdVersion("2.1.9");
  const rounds = createProbeRounds({
    files: createFiles({ root }),
    configPath: CONFIG,
    sha256,
    containerd: { version: async () => version },
    asker: createMirrorAsker({ client: async () => client, timeoutMs: 2_000 }),
    sink: {
      probed: (probe) => void probes.set(`${probe.registry} ${probe.host}`, probe),
      source: (state) => void sources.push(state),
    },
    clock: { ...createClock(), now: () => now++, sleep: clock.sleep },
    log: silent,
    intervalMs: 30_000,
    random: () => 0.5,
    imageFor: (registry) => images.get(registry),
  });
  t.after(async () => {
    await rounds.stop();
    rmSync(root, { recursive: true });
  });
  return { rounds, clock, probes, sources, images, write };
}

const silent = {
  debug() {},
  info() {},
  warn() {},
  error: (fields: object) => assert.fail(JSON.stringify(fields)),
};

/** `next` lets the pause end, and waits until the round after it is over and the next pause begins. */
function manualClock() {
  const slept: number[] = [];
  let end: (() => void) | undefined;
  let begun: (() => void) | undefined;
  const sleep: Clock["sleep"] = (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason);
        return;
      }
      slept.push(ms);
      end = resolve;
      begun?.();
      signal?.addEventListener("abort", () => reject(signal.reason));
    });
  const pause = (act: () => void) =>
    new Promise<void>((resolve) => {
      begun = resolve;
      act();
    });
  return { sleep, slept, next: () => pause(() => end?.()), until: pause };
}

const watched = (...namespaces: readonly string[]): readonly WatchedRegistry[] =>
  namespaces.map((namespace) => ({ namespace, mirrors: ["https://m"], upstream: "allow" }));

function imageOf(reference: string, isExpected = true): ProbeImage {
  const parsed = parseImageReference(reference);
  assert.ok(parsed.ok);
  return { reference: parsed.reference, isExpected };
}

async function startMirror(
  t: TestContext,
  tls?: Parameters<typeof startScriptedRegistry>[0],
): Promise<ScriptedRegistry> {
  const mirror = await startScriptedRegistry(tls);
  t.after(() => mirror.stop());
  return mirror;
}

const hosts = (mirror: { readonly url: string }, more = ""): string => `[host."${mirror.url}"]\n${more}`;
const hostsPath = (namespace: string): string => `/etc/containerd/certs.d/${namespace}/hosts.toml`;

test("a mirror that stops answering is told after the next round, and so is its return", async (t) => {
  const mirror = await startMirror(t);
  const { rounds, clock, probes, sources, write } = await startRounds(t);
  write(hostsPath("gcr.io"), hosts(mirror));
  await clock.until(() => rounds.watch(watched("gcr.io")));
  const probe = () => probes.get(`gcr.io ${mirror.host}`);
  assert.deepEqual([probe()?.ok, probe()?.failures, probe()?.url], [true, 0, `${mirror.url}/v2`]);
  assert.deepEqual(sources.at(-1), { source: "probe", up: true, message: "" });
  mirror.script({ does: { kind: "status", status: 503 } });
  await clock.next();
  await clock.next();
  assert.deepEqual([probe()?.ok, probe()?.failures, probe()?.failedPhase], [false, 2, "http"]);
  assert.match(probe()?.message ?? "", /status 503/);
  mirror.script();
  await clock.next();
  assert.deepEqual([probe()?.ok, probe()?.failures], [true, 0]);
  assert.deepEqual(new Set(clock.slept), new Set([26_250]));
});

test("a host with a thousand registries is asked once a round, and told of in each", async (t) => {
  const mirror = await startMirror(t);
  const { rounds, clock, probes, write } = await startRounds(t);
  const namespaces = Array.from({ length: 1_000 }, (_, index) => `r${index}.example`);
  for (const namespace of namespaces) write(hostsPath(namespace), hosts(mirror));
  await clock.until(() => rounds.watch(watched(...namespaces)));
  assert.equal(mirror.requests().length, 1);
  assert.equal(probes.size, 1_000);
  mirror.script({ does: { kind: "close" } });
  await clock.next();
  assert.equal(mirror.requests().length, 2);
  assert.equal([...probes.values()].filter(({ ok }) => !ok).length, 1_000);
});

test("the canary is what a mirror has to have; any other image it may lack", async (t) => {
  const mirror = await startMirror(t);
  const { rounds, clock, probes, images, write } = await startRounds(t);
  for (const namespace of ["gcr.io", "quay.io"]) write(hostsPath(namespace), hosts(mirror));
  images.set("gcr.io", imageOf("gcr.io/team/canary:1"));
  images.set("quay.io", imageOf("quay.io/team/app:1", false));
  await clock.until(() => rounds.watch(watched("gcr.io", "quay.io")));
  const canary = () => probes.get(`gcr.io ${mirror.host}`);
  assert.deepEqual([canary()?.ok, canary()?.failedPhase], [false, "manifest"]);
  assert.match(canary()?.message ?? "", /does not have this image/);
  const [first] = mirror.requests();
  assert.deepEqual(
    [first?.method, first?.path, first?.query],
    ["HEAD", "/v2/team/canary/manifests/1", { ns: "gcr.io" }],
  );
  // What failed is asked again in every round, besides the next in turn; that the API answers mends nothing.
  for (let round = 0; round < 7; round++) await clock.next();
  assert.equal(canary()?.failures, 8);
  assert.equal(probes.get(`quay.io ${mirror.host}`)?.ok, true);
  assert.ok(mirror.requests().some(({ path }) => path === "/v2/team/app/manifests/1"));
  mirror.put("team/canary", "1", buildImage());
  await clock.next();
  assert.equal(canary()?.ok, true);
});

test("while all is well an image is asked for every fourth round, the API in between", async (t) => {
  const mirror = await startMirror(t);
  mirror.put("team/canary", "1", buildImage());
  const { rounds, clock, images, write } = await startRounds(t);
  write(hostsPath("gcr.io"), hosts(mirror));
  images.set("gcr.io", imageOf("gcr.io/team/canary:1"));
  await clock.until(() => rounds.watch(watched("gcr.io")));
  for (let round = 0; round < 7; round++) await clock.next();
  const methods = mirror.requests().map(({ method }) => method);
  assert.deepEqual(methods, ["HEAD", "GET", "GET", "GET", "HEAD", "GET", "GET", "GET"]);
});

test("trouble with one image is not trouble of the host, where its API answers", async (t) => {
  const mirror = await startMirror(t);
  const { rounds, clock, probes, images, write } = await startRounds(t);
  for (const namespace of ["gcr.io", "quay.io"]) write(hostsPath(namespace), hosts(mirror));
  images.set("gcr.io", imageOf("gcr.io/team/canary:1"));
  mirror.script({ path: /manifests/, does: { kind: "status", status: 502 } });
  await clock.until(() => rounds.watch(watched("gcr.io", "quay.io")));
  assert.deepEqual(
    mirror.requests().map(({ method, path }) => `${method} ${path}`),
    ["HEAD /v2/team/canary/manifests/1", "GET /v2/"],
  );
  assert.equal(probes.get(`gcr.io ${mirror.host}`)?.ok, false);
  assert.equal(probes.get(`quay.io ${mirror.host}`)?.ok, true);
});

test("registries that share a host and not its CA are told apart; the end of certificates is known", async (t) => {
  const ca = await createCa();
  const mirror = await startMirror(t, { tls: await ca.issueServer() });
  const { rounds, clock, probes, write } = await startRounds(t);
  write(hostsPath("gcr.io"), hosts(mirror, 'ca = "ca.crt"\n'));
  write("/etc/containerd/certs.d/gcr.io/ca.crt", ca.cert);
  write(hostsPath("quay.io"), hosts(mirror));
  await clock.until(() => rounds.watch(watched("gcr.io", "quay.io")));
  await clock.next();
  assert.equal(probes.get(`gcr.io ${mirror.host}`)?.ok, true);
  const quay = probes.get(`quay.io ${mirror.host}`);
  assert.equal(quay?.failedPhase, "tls");
  assert.match(quay.message, /unknown authority/);
  // Without the CA only the server's own certificate is known; with it, the CA ends first.
  const [untrusted = 0, trusted = 0] = [
    quay.tlsNotAfterMs,
    probes.get(`gcr.io ${mirror.host}`)?.tlsNotAfterMs,
  ];
  assert.ok(Date.now() < trusted && trusted < untrusted);
  assert.deepEqual(Object.keys(quay.durationsMs), ["connect", "tls"]);
});

test("what the files say counts; upstreams and the witness are left alone", async (t) => {
  const [mirror, server] = await Promise.all([startMirror(t), startMirror(t)]);
  const { rounds, clock, probes, write } = await startRounds(t);
  write(hostsPath("gcr.io"), `server = "https://gcr.io"\n${hosts(mirror)}`);
  write(
    hostsPath("quay.io"),
    `server = "${server.url}"\n${hosts(mirror)}[host."https://127.0.0.1:478/witness"]\noverride_path = true\n`,
  );
  write(hostsPath("_default"), hosts(mirror));
  await clock.until(() => rounds.watch(watched("gcr.io", "quay.io", "*")));
  assert.deepEqual(
    [...probes.keys()].sort(),
    [`* ${mirror.host}`, `gcr.io ${mirror.host}`, `quay.io ${mirror.host}`, `quay.io ${server.host}`].sort(),
  );
  // A pass is over, and somebody has changed a file.
  probes.clear();
  write(hostsPath("quay.io"), hosts(mirror));
  rounds.watch(watched("gcr.io", "quay.io", "*"));
  await clock.next();
  assert.equal(probes.has(`quay.io ${server.host}`), false);
  assert.equal(probes.size, 3);
});

test("nothing is asked while it is not known of whom, and the end does not wait for an answer", async (t) => {
  const none = await startRounds(t, { installed: false });
  await none.clock.until(() => none.rounds.watch(watched("gcr.io")));
  assert.deepEqual([none.sources.at(-1)?.up, none.probes.size], [false, 0]);
  const mirror = await startMirror(t);
  mirror.script({ does: { kind: "hang" } });
  const { rounds, probes, write } = await startRounds(t);
  write(hostsPath("gcr.io"), hosts(mirror));
  rounds.watch(watched("gcr.io"));
  for (let tries = 0; mirror.requests().length === 0 && tries < 500; tries++)
    await new Promise((resolve) => setTimeout(resolve, 10));
  await rounds.stop();
  assert.equal(probes.size, 0);
});
