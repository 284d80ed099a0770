import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseImageReference } from "../../../src/core/containerd/image-reference.ts";
import { version } from "./support/versions.ts";

const DIGEST = `sha256:${"a1".repeat(32)}`;

describe("parseImageReference", () => {
  const valid: readonly (readonly [string, string, string, string])[] = [
    ["nginx", "docker.io/library/nginx:latest", "docker.io", "library/nginx"],
    ["nginx:1.27", "docker.io/library/nginx:1.27", "docker.io", "library/nginx"],
    ["grafana/loki", "docker.io/grafana/loki:latest", "docker.io", "grafana/loki"],
    ["docker.io/nginx", "docker.io/library/nginx:latest", "docker.io", "library/nginx"],
    ["index.docker.io/nginx:1", "docker.io/library/nginx:1", "docker.io", "library/nginx"],
    ["registry-1.docker.io/nginx", "registry-1.docker.io/nginx:latest", "registry-1.docker.io", "nginx"],
    ["gcr.io/a/b:1.0", "gcr.io/a/b:1.0", "gcr.io", "a/b"],
    [`gcr.io/a@${DIGEST}`, `gcr.io/a@${DIGEST}`, "gcr.io", "a"],
    [`gcr.io/a:1.0@${DIGEST}`, `gcr.io/a@${DIGEST}`, "gcr.io", "a"],
    ["localhost/a", "localhost/a:latest", "localhost", "a"],
    ["localhost:5000/a", "localhost:5000/a:latest", "localhost:5000", "a"],
    ["host:5000/a:b", "host:5000/a:b", "host:5000", "a"],
    ["nodot/a", "docker.io/nodot/a:latest", "docker.io", "nodot/a"],
    ["[::1]:5000/a", "[::1]:5000/a:latest", "[::1]:5000", "a"],
    ["Registry/a", "Registry/a:latest", "Registry", "a"],
    ["gcr.io/a__b--c.d/e_f", "gcr.io/a__b--c.d/e_f:latest", "gcr.io", "a__b--c.d/e_f"],
  ];
  for (const [text, normalized, namespace, repository] of valid)
    test(text, () => {
      const result = parseImageReference(text);
      assert.ok(result.ok, result.ok ? "" : result.message);
      assert.equal(result.reference.normalized, normalized);
      assert.equal(result.reference.namespace, namespace);
      assert.equal(result.reference.repository, repository);
    });

  const invalid: readonly (readonly [string, RegExp])[] = [
    ["", /it is empty/],
    ["https://gcr.io/a", /URL scheme/],
    ["a".repeat(64), /image ID/],
    ["gcr.io/A", /must be lower case/],
    ["gcr.io/", /not a repository name/],
    ["gcr.io/a/../b", /not a repository name/],
    ["gcr.io//a", /not a repository name/],
    ["gcr.io/a:", /"" is not a tag/],
    ["gcr.io/a:-x", /not a tag/],
    [`gcr.io/a:${"t".repeat(129)}`, /not a tag/],
    ["gcr.io/a@sha256:abc", /not a digest/],
    [`gcr.io/a@sha256:${"A1".repeat(32)}`, /not a digest/],
    [`gcr.io/a@md5:${"a1".repeat(16)}`, /not a digest/],
    ["gcr..io/a", /not a registry host/],
    ["gcr.io:x/a", /not a registry host/],
    ["gcr_x.io/a", /not a registry host/],
    ["gcr.io/a b", /not a repository name/],
    ["gcr.io/a\n", /not a repository name/],
    [`gcr.io/${"a".repeat(256)}`, /longer than 255/],
  ];
  for (const [text, message] of invalid)
    test(`refuses ${JSON.stringify(text).slice(0, 40)}`, () => {
      const result = parseImageReference(text);
      assert.ok(!result.ok);
      assert.match(result.message, message);
    });

  test("an IPv6 host is an error on 1.6 alone", () => {
    const refused = parseImageReference("[::1]:5000/a", version("1.6.39"));
    assert.ok(!refused.ok);
    assert.match(refused.message, /containerd 1\.6\.39 does not take IPv6/);
    assert.ok(parseImageReference("[::1]:5000/a", version("1.7.0")).ok);
  });

  test("a normalised reference normalises to itself", () => {
    const part = fc.stringMatching(/^[a-z0-9]{1,5}$/);
    const domain = fc.constantFrom("", "gcr.io/", "docker.io/", "localhost:5000/", "h:1/");
    const suffix = fc.constantFrom("", ":1.0", `@${DIGEST}`, `:x@${DIGEST}`);
    fc.assert(
      fc.property(domain, fc.array(part, { minLength: 1, maxLength: 3 }), suffix, (host, parts, end) => {
        const once = parseImageReference(`${host}${parts.join("/")}${end}`);
        assert.ok(once.ok);
        assert.deepEqual(parseImageReference(once.reference.normalized), once);
      }),
    );
  });

  test("never throws", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void parseImageReference(text)));
  });
});
