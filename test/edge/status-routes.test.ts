import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { StatusDocument } from "../../src/agent/status-document.ts";
import { healthJsonRoute } from "../../src/edge/health-json.ts";
import { listenHttp } from "../../src/edge/http-server.ts";
import { statusRoutes } from "../../src/edge/status-routes.ts";
import { STATES } from "./status-page/states.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };

async function getter(t: TestContext, document: StatusDocument) {
  const status = () => document;
  const { address, close } = await listenHttp({
    address: "127.0.0.1:0",
    metricsAddress: undefined,
    allowedHosts: [],
    routes: [...statusRoutes(status), healthJsonRoute(status)],
    log: silent,
  });
  t.after(close);
  return async (path: string) => {
    const response = await fetch(`http://${address}${path}`, { headers: { connection: "close" } });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
}

test("/health has a check for each registry, and its status is that of the worst", async (t) => {
  const expected = {
    "just-started": [200, "warn"],
    "nothing-proven": [200, "pass"],
    "all-good": [200, "pass"],
    expired: [200, "warn"],
    bypassed: [503, "fail"],
    failing: [503, "fail"],
  } as const;
  for (const [name, outcome] of Object.entries(expected)) {
    const get = await getter(t, STATES[name as keyof typeof expected]());
    const { status, headers, text } = await get("/health");
    assert.equal(headers.get("content-type"), "application/health+json");
    assert.deepEqual([status, JSON.parse(text).status], outcome, name);
  }
});

test("a check of /health says verdict, evidence, time and what is wrong", async (t) => {
  const get = await getter(t, STATES.bypassed());
  const health = JSON.parse((await get("/health")).text);
  assert.deepEqual(Object.keys(health.checks), [
    "agent:configuration",
    "registry:gcr.io",
    "registry:docker.io",
    "registry:registry.internal.example:8443",
    "registry:*",
  ]);
  const [check] = health.checks["registry:gcr.io"];
  assert.deepEqual(
    { ...check, output: check.output.slice(0, 40) },
    {
      componentId: "gcr.io",
      componentType: "component",
      observedValue: "bypassed",
      evidence: "trace",
      since: "2026-11-22T12:09:30.000Z",
      time: "2026-11-22T12:09:42.000Z",
      status: "fail",
      output: "bypassed: team/very-long-repository-name",
    },
  );
  const { serviceId, version, output, notes } = health;
  assert.deepEqual([serviceId, version, notes], ["mirrorlet", "0.1.0", undefined]);
  assert.match(output, /^2 of 4 registries are not served as they should be \(gcr\.io, registry\.internal/);
});

test("/status.json is the whole document, under its schema", async (t) => {
  const document = STATES.bypassed();
  const get = await getter(t, document);
  const { headers, text } = await get("/status.json");
  assert.equal(headers.get("content-type"), "application/json");
  const expected = JSON.parse(JSON.stringify({ schema: "mirrorlet.status/v1", ...document }));
  assert.deepEqual(JSON.parse(text), expected);
  assert.ok(document.recentPulls.length > 5 && document.evidence.recentFallbacks.length > 5);
});

test("the page lets nothing run, load or frame it, and says when it was made", async (t) => {
  const get = await getter(t, STATES["all-good"]());
  const { headers, text } = await get("/");
  assert.equal(headers.get("content-type"), "text/html; charset=utf-8");
  const policy = headers.get("content-security-policy") ?? "";
  assert.match(policy, /^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; img-src data:; /);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.doesNotMatch(policy, /unsafe|script-src/);
  assert.match(text, /<meta http-equiv="refresh" content="30">/);
  assert.match(text, /As of <time datetime="2026-11-22T12:10:00\.000Z">/);
  assert.doesNotMatch((await get("/?refresh=off")).text, /http-equiv="refresh"/);
});

test("the page needs no script and nothing of elsewhere", async (t) => {
  for (const make of Object.values(STATES)) {
    const { text } = await (await getter(t, make()))("/");
    const withoutText = text.replace(/>[^<]*</g, "><");
    assert.doesNotMatch(withoutText, /<script|<iframe|<object|<img|\son[a-z]+=|javascript:/i);
    const links = [...text.matchAll(/(?:href|src)="([^"]*)"/g)].map(([, link = ""]) => link);
    assert.ok(links.length > 4);
    for (const link of links) assert.match(link, /^(?:\/|data:image\/svg\+xml,)/);
  }
});

test("the verdict comes first, then what is wrong, then the rest", async (t) => {
  const get = await getter(t, STATES.bypassed());
  const { text } = await get("/");
  const order = [
    "2 of 4 registries are not served as they should be",
    "no mirror answers",
    "upstream closed",
    "every other registry <code>",
    "Recent fallbacks",
    "quay.io/<wbr>cilium/<wbr>cilium",
    "Findings",
    "certificate-expires",
    "Last change",
    "authorization = &quot;***&quot;",
    "Sources of evidence",
    "there is no journal on this node",
    "mirrorlet 0.1.0",
    "containerd 1.7.24",
  ];
  const places = order.map((words) => text.indexOf(words));
  assert.ok(
    places.every((place) => place > 0),
    order.filter((_, index) => (places[index] ?? 0) < 0).join(),
  );
  assert.deepEqual(
    places,
    [...places].sort((a, b) => a - b),
  );
});

test("a thousand registries: those in trouble in the open, the others folded", async (t) => {
  const get = await getter(t, STATES.thousand());
  const { text } = await get("/");
  const open = text.replace(/<details>.*?<\/details>/gs, "");
  const names = [...open.matchAll(/<th scope="row">(registry[^<]*)/g)].map(([, name]) => name);
  assert.deepEqual(names, ["registry-0.example", "registry-1.example", "registry-2.example"]);
  assert.match(text, /<summary>10 of which nothing is proven yet<\/summary>/);
  assert.match(text, /<summary>987 served by their mirrors<\/summary>/);
});

test("words of others are text, and secrets are not shown", async (t) => {
  const get = await getter(t, STATES.hostile());
  for (const path of ["/", "/status.json", "/health"]) {
    const { text } = await get(path);
    assert.doesNotMatch(text, /hunter2/, path);
  }
  const { text } = await get("/");
  assert.doesNotMatch(text, /<script>|<img|<b>/);
  assert.match(text, /&lt;script&gt;alert\(1\)&lt;\/script&gt;/);
  assert.match(text, /&lt;b&gt;bold&lt;\/b&gt; &amp; &#39;quoted&#39; &quot;twice&quot;/);
});
