import assert from "node:assert/strict";
import { test } from "node:test";
import type { MirrorProbe } from "../../src/agent/ports.ts";
import { preflight } from "../../src/agent/preflight.ts";
import { mirrorUrl } from "../../src/core/desired-state/desired-state.ts";
import { desired, registry } from "./desired.ts";

const { signal } = new AbortController();
const REFUSED = { phase: "connect", message: "connection refused" } as const;

/** Each host answers as told, and all is noted. */
function proberOf(answer: (host: string) => Partial<MirrorProbe>) {
  const asked: string[] = [];
  return {
    asked,
    async probe(mirror: Parameters<typeof mirrorUrl>[0]): Promise<MirrorProbe> {
      const url = mirrorUrl(mirror);
      asked.push(url);
      await new Promise((resolve) => setImmediate(resolve));
      return { url, ok: true, challenge: "none", durationMs: 1, ...answer(mirror.host) };
    },
  };
}

const behind = (host: string, count: number, upstream: "allow" | "never") =>
  Array.from({ length: count }, (_, i) => registry(`r${i}.example`, [`http://${host}/v2/r${i}`], upstream));

test("a thousand registries behind one host that cannot be reached: it is asked a few times, and all are refused", async () => {
  const prober = proberOf(() => ({ ok: false, challenge: "unknown", failure: REFUSED }));
  const state = desired(...behind("10.0.0.1:5000", 1000, "never"));
  const { rejections, warnings, askedHosts } = await preflight(state, "warn", prober, signal);
  assert.ok(prober.asked.length <= 32, `asked ${prober.asked.length} times`);
  assert.match(rejections[0] ?? "", /no mirror of r0\.example answers/);
  assert.match(rejections.at(-1) ?? "", /^and 980 more$/);
  assert.ok(warnings.length <= 21);
  assert.deepEqual(askedHosts, []);
});

test("what a host answers for one path says nothing of the others", async () => {
  const failure = { phase: "http", message: "status 503" } as const;
  const prober = proberOf(() => ({ ok: false, failure }));
  const state = desired(...behind("10.0.0.1:5000", 100, "allow"));
  const { rejections, warnings } = await preflight(state, "warn", prober, signal);
  assert.equal(prober.asked.length, 100);
  assert.deepEqual(rejections, []);
  assert.equal(warnings.length, 21);
});

test("one dead host does not stand for another", async () => {
  const prober = proberOf((host) => (host.startsWith("10.0.0.1") ? { ok: false, failure: REFUSED } : {}));
  const state = desired(
    ...behind("10.0.0.1:5000", 50, "allow"),
    registry("gcr.io", ["http://10.0.0.2:5000"], "never"),
  );
  const { rejections, probes } = await preflight(state, "warn", prober, signal);
  assert.deepEqual(rejections, []);
  assert.equal(probes.length, 51);
});
