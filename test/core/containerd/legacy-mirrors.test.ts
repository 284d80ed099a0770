import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ResolutionConfig } from "../../../src/core/containerd/resolve-image.ts";
import { CERTIFICATE } from "./support/pem.ts";
import { asked, PLACE, resolve } from "./support/resolve.ts";
import { MEASURED } from "./support/versions.ts";

function legacy(
  mirrors: Readonly<Record<string, readonly string[]>>,
  more: Partial<ResolutionConfig> = {},
): ResolutionConfig {
  return {
    configPath: "",
    roots: [],
    pullMode: "local",
    criLoads: { ok: true },
    mirrors: Object.entries(mirrors).map(([namespace, endpoints]) => ({ namespace, endpoints, at: PLACE })),
    configs: [],
    ...more,
  };
}

function urls(image: string, config: ResolutionConfig, release = "1.7.24"): readonly string[] {
  return resolve(image, release, {}, config).hosts.map(({ resolve: { url } }) => url);
}

describe("registry.mirrors without config_path", () => {
  test("endpoints in order, then the default upstream, with ns", () => {
    for (const release of MEASURED)
      assert.deepEqual(urls("gcr.io/a:1", legacy({ "gcr.io": ["http://m:5000", "n"] }), release), [
        "http://m:5000/v2/a/manifests/1?ns=gcr.io",
        "https://n/v2/a/manifests/1?ns=gcr.io",
        "https://gcr.io/v2/a/manifests/1",
      ]);
  });

  test("a written path is used as it is", () => {
    const config = legacy({ "docker.io": ["https://m/v2/hub", "https://n/x", "https://o/"] });
    assert.deepEqual(urls("nginx", config), [
      "https://m/v2/hub/library/nginx/manifests/latest?ns=docker.io",
      "https://n/x/library/nginx/manifests/latest?ns=docker.io",
      "https://o/library/nginx/manifests/latest?ns=docker.io",
      "https://registry-1.docker.io/v2/library/nginx/manifests/latest",
    ]);
  });

  test("* stands in only for a namespace without a key of its own", () => {
    const config = legacy({ "*": ["http://any"], "gcr.io": [] });
    assert.deepEqual(asked(resolve("quay.io/a", "1.6.20", {}, config)), ["http://any", "https://quay.io"]);
    assert.deepEqual(asked(resolve("gcr.io/a", "1.6.20", {}, config)), ["https://gcr.io"]);
  });

  test("the upstream is not added when an endpoint has the namespace's very host", () => {
    const config = legacy({
      "gcr.io": ["https://gcr.io", "http://m"],
      "docker.io": ["https://registry-1.docker.io"],
    });
    assert.deepEqual(asked(resolve("gcr.io/a", "1.6.20", {}, config)), ["https://gcr.io", "http://m"]);
    assert.deepEqual(asked(resolve("nginx", "1.6.20", {}, config)), [
      "https://registry-1.docker.io",
      "https://registry-1.docker.io",
    ]);
  });

  test("loopback endpoints and upstreams without a scheme are plain http", () => {
    const config = legacy({ "localhost:5000": ["127.0.0.1:6000"] });
    assert.deepEqual(asked(resolve("localhost:5000/a", "2.1.9", {}, config)), [
      "http://127.0.0.1:6000",
      "http://localhost:5000",
    ]);
  });

  test("an endpoint that is no URL fails the pull", () => {
    const { outcome } = resolve("gcr.io/a", "1.7.24", {}, legacy({ "gcr.io": ["http://a:port"] }));
    assert.equal(outcome.kind, "pull-fails");
  });

  test("configs.tls counts on 1.x and not on 2.x", () => {
    const tls = { caFile: "/ca.crt", insecureSkipVerify: true };
    const config = legacy(
      { "gcr.io": ["https://m:5000"] },
      { configs: [{ host: "m:5000", at: PLACE, tls, tlsAt: PLACE }] },
    );
    const entry = (release: string) =>
      resolve("gcr.io/a", release, { "/ca.crt": CERTIFICATE }, config).hosts[0]?.entry;
    assert.deepEqual(entry("1.7.24")?.ca, ["/ca.crt"]);
    assert.equal(entry("1.7.24")?.skipVerify, true);
    assert.equal(entry("2.1.9")?.ca, undefined);
  });

  test("the transfer service without config_path knows nothing of mirrors", () => {
    const config = legacy({}, { pullMode: "transfer" });
    const resolution = resolve("localhost:5000/a", "2.1.9", {}, config);
    assert.equal(resolution.source, "default-upstream");
    assert.equal(resolution.hosts[0]?.entry.httpsFirst, true);
  });
});
