import assert from "node:assert/strict";
import { test } from "node:test";
import { toLegacyRegistries } from "../../../../src/core/containerd/config/legacy-registry.ts";

const at = { file: "/etc/containerd/config.toml", line: 1, column: 1 };

test("a path is used as written, and /v2 only where there is none", () => {
  const endpoints = [
    "https://a",
    "https://a/",
    "http://b:80/v2/ns",
    "c:5000",
    "127.0.0.1:5000",
    "https://u:p@[::1]:5000/x?y#z",
  ];
  const [registry] = toLegacyRegistries([{ namespace: "gcr.io", endpoints, at }], []);
  assert.deepEqual(
    registry?.endpoints.map(({ scheme, host, path }) => `${scheme} ${host} ${path}`),
    [
      "https a /v2",
      "https a /",
      "http b:80 /v2/ns",
      "https c:5000 /v2",
      "http 127.0.0.1:5000 /v2",
      "https [::1]:5000 /x",
    ],
  );
});

test("the default upstream is appended unless an endpoint has that very host", () => {
  const appends = (namespace: string, ...endpoints: string[]) =>
    toLegacyRegistries([{ namespace, endpoints, at }], [])[0]?.appendsUpstream;
  assert.equal(appends("gcr.io", "https://m"), true);
  assert.equal(appends("gcr.io", "https://m", "https://gcr.io"), false);
  assert.equal(appends("docker.io", "https://registry-1.docker.io"), true);
  assert.equal(appends("*"), true);
});

test("TLS settings go to the endpoints and upstreams they are for", () => {
  const tls = (host: string, caFile: string) => ({ host, at, tls: { caFile }, tlsAt: at });
  const mirrors = [
    { namespace: "docker.io", endpoints: ["https://m:5000"], at },
    { namespace: "*", endpoints: ["https://m:5000"], at },
  ];
  const configs = [
    tls("m:5000", "/m"),
    tls("registry-1.docker.io", "/hub"),
    tls("private", "/p"),
    { host: "auth-only", at },
  ];
  const [hub, any, own, ...rest] = toLegacyRegistries(mirrors, configs);
  assert.deepEqual([hub?.endpoints[0]?.tls, hub?.upstreamTls], [{ caFile: "/m" }, { caFile: "/hub" }]);
  assert.deepEqual([any?.namespace, any?.upstreamTls], ["*", undefined]);
  // Without an entry of its own, the wildcard's mirrors served this host too.
  assert.deepEqual(
    [own?.namespace, own?.endpoints[0]?.host, own?.upstreamTls],
    ["private", "m:5000", { caFile: "/p" }],
  );
  assert.deepEqual(rest, []);
});
