import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostEntry } from "../../../../../src/core/containerd/hosts-toml/host-entry.ts";
import { parseImageReference } from "../../../../../src/core/containerd/image-reference.ts";
import { placeHost } from "../../../../../src/core/containerd/resolved-host.ts";
import { judgeVariant, listVariants } from "../../../../../src/core/doctor/pulls/probe/probe-variant.ts";
import type { ProbeAnswer } from "../../../../../src/core/evidence/probe-answer.ts";

const parsed = parseImageReference("gcr.io/team/app:1");
assert.ok(parsed.ok);
const image = parsed.reference;

function hostAt(path: string, scheme = "https", host = "m:5000") {
  const entry: HostEntry = {
    written: `${scheme}://${host}${path}`,
    scheme,
    host,
    path,
    capabilities: ["pull", "resolve"],
    httpsFirst: false,
    isRoot: false,
  };
  return placeHost(entry, image);
}

const fine: ProbeAnswer = { message: "", exchange: { hops: [], tokens: [], tries: 1 } };
const failed = (code: "not-found" | "speaks-http" | "unknown-authority" | "refused"): ProbeAnswer => ({
  ...fine,
  failure: { phase: "http", message: "", scope: "host", code, cause: "", fix: "" },
});

test("404: the other forms of the path", () => {
  const paths = (path: string) =>
    listVariants("not-found", hostAt(path), image)
      .filter(({ kind }) => kind === "other-path")
      .map(({ entry }) => entry.path);
  assert.deepEqual(paths("/v2"), []);
  assert.deepEqual(paths("/v2/cache/v2"), ["/v2/cache", "/cache/v2"]);
  assert.deepEqual(paths("/cache/v2"), ["/v2/cache"]);
  assert.deepEqual(paths("/v2/cache"), ["/cache/v2"]);
  assert.deepEqual(paths("/cache"), ["/v2/cache", "/cache/v2"]);
  assert.deepEqual(paths(""), ["/v2"]);
});

test("refusals: without ns=", () => {
  const host = hostAt("/v2");
  const [variant] = listVariants("other-status", host, image);
  assert.equal(variant?.kind, "no-ns");
  assert.equal(placeHost(host.entry, variant.image).resolve.url, "https://m:5000/v2/team/app/manifests/1");
  assert.equal(judgeVariant(variant, fine, host)?.code, "ns-refused");
  assert.equal(judgeVariant(variant, failed("not-found"), host), undefined);
  assert.deepEqual(listVariants("server-error", host, image), []);
});

test("plain http that ends without an answer: https", () => {
  const host = hostAt("/v2", "http");
  const [variant] = listVariants("closed", host, image);
  assert.equal(variant?.kind, "https");
  assert.equal(judgeVariant(variant, failed("unknown-authority"), host)?.code, "host-speaks-https");
  assert.equal(judgeVariant(variant, fine, host)?.code, "host-speaks-https");
  assert.equal(judgeVariant(variant, failed("speaks-http"), host), undefined);
  assert.deepEqual(listVariants("closed", hostAt("/v2"), image), []);
});

test("registries themselves are not asked in other ways", () => {
  assert.deepEqual(listVariants("not-found", hostAt("/v2", "https", "gcr.io"), image), []);
});
