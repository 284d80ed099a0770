import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostEntry } from "../../../../src/core/containerd/hosts-toml/host-entry.ts";
import { choosePlatform } from "../../../../src/core/containerd/pull/choose-platform.ts";
import { nextTry } from "../../../../src/core/containerd/pull/next-try.ts";
import { credentialFor } from "../../../../src/core/containerd/pull/registry-credential.ts";
import {
  fetchHeaders,
  resolveHeaders,
  tokenHeaders,
} from "../../../../src/core/containerd/pull/request-headers.ts";
import { traitsOf } from "../../../../src/core/containerd/version.ts";
import { version } from "../support/versions.ts";

const at = { file: "config.toml", line: 1, column: 1 };
const trait = (text: string) => traitsOf(version(text));

/** How many requests one answer, given again and again, leads to. */
function requestsFor(status: number, release: string, isLastHost = false): number {
  let tries = 1;
  let previousStatus: number | undefined;
  const latest = { status, method: "HEAD", isManifest: true, isLastHost };
  while (nextTry({ ...latest, tries, previousStatus }, trait(release)) === "again") {
    previousStatus = status;
    tries++;
  }
  return tries;
}

test("408 and 429 are asked again at once, and nothing else but a last host's trouble", () => {
  for (const status of [408, 429]) {
    assert.deepEqual(
      ["1.6.20", "1.7.24", "2.1.9", "2.3.1"].map((one) => requestsFor(status, one)),
      [6, 6, 6, 6],
    );
    assert.equal(requestsFor(status, "2.3.2"), 5);
  }
  for (const status of [200, 307, 400, 403, 404, 500, 502, 503])
    assert.equal(requestsFor(status, "2.1.9"), 1);
  for (const status of [500, 503, 504]) {
    assert.equal(requestsFor(status, "2.1.9", true), 2);
    assert.equal(requestsFor(status, "2.0.11", true), 1);
  }
  assert.equal(requestsFor(502, "2.1.9", true), 1);
});

test("405 turns a HEAD of a manifest into a GET, once", () => {
  const latest = { status: 405, method: "HEAD", isManifest: true, tries: 1, isLastHost: false };
  assert.equal(nextTry(latest, trait("2.1.9")), "get");
  assert.equal(nextTry({ ...latest, method: "GET", tries: 2 }, trait("2.1.9")), "done");
  assert.equal(nextTry({ ...latest, isManifest: false }, trait("2.1.9")), "done");
});

test("credentials of config.toml, by the host that asks", () => {
  const auth = Buffer.from("user:pa:ss\0").toString("base64");
  const config = {
    configs: [
      { host: "a:5000", at, auth: { username: "u", password: "p", auth: "ignored" } },
      { host: "b", at, auth: { identityToken: "t" } },
      { host: "c", at, auth: { auth } },
      { host: "d", at, auth: { auth: "%" } },
      { host: "e", at },
      { host: "f", at, auth: { auth: Buffer.from("nothing").toString("base64") } },
    ],
    auths: [{ url: "https://e", at, auth: { username: "older", password: "x" } }],
  };
  assert.deepEqual(credentialFor(config, "a:5000"), { kind: "login", username: "u", password: "p" });
  assert.deepEqual(credentialFor(config, "a"), { kind: "none" });
  assert.deepEqual(credentialFor(config, "b"), { kind: "login", username: "", password: "t" });
  assert.deepEqual(credentialFor(config, "c"), { kind: "login", username: "user", password: "pa:ss" });
  assert.equal(credentialFor(config, "d").kind, "broken");
  assert.deepEqual(credentialFor(config, "e"), { kind: "login", username: "older", password: "x" });
  assert.equal(credentialFor(config, "f").kind, "broken");
});

test("headers: a host's own, those of config.toml, and what is accepted", () => {
  const entry: HostEntry = {
    written: "https://m",
    scheme: "https",
    host: "m",
    path: "/v2",
    capabilities: ["pull"],
    httpsFirst: false,
    isRoot: false,
    header: [
      { name: "x-key", values: ["1", "2"] },
      { name: "User-Agent", values: ["mine"] },
      { name: "Host", values: ["other"] },
    ],
  };
  const global = [{ name: "X-All", values: ["y"], at }];
  const manifests = ["Accept", /^application\/vnd\.docker.*manifest\.v2\+json, .*, \*\/\*$/] as const;
  const [older, newer] = [trait("1.7.24"), trait("2.1.9")];
  const shown = resolveHeaders({ entry, global }, newer);
  assert.deepEqual(shown.slice(0, -1), [
    ["X-All", "y"],
    ["x-key", "1"],
    ["x-key", "2"],
    ["User-Agent", "mine"],
  ]);
  assert.equal(shown.at(-1)?.[0], manifests[0]);
  assert.match(shown.at(-1)?.[1] ?? "", manifests[1]);
  assert.ok(!resolveHeaders({ entry, global }, older).some(([name]) => name === "User-Agent"));
  const accept = [{ name: "Accept", values: ["text/x"], at }];
  assert.deepEqual(resolveHeaders({ entry, global: accept }, newer).at(-1), ["Accept", "text/x"]);
  assert.deepEqual(fetchHeaders({ entry, global: accept }, "a/b", newer).at(-1), ["Accept", "a/b, */*"]);
  assert.deepEqual(tokenHeaders({ entry, global }, older), []);
  assert.equal(tokenHeaders({ entry, global }, newer).length, 4);
});

test("of an index the manifest of a plain machine, not of a newer one", () => {
  const one = (architecture: string, variant?: string) => ({
    digest: `${architecture}${variant ?? ""}`,
    size: 1,
    mediaType: "m",
    platform: { os: "linux", architecture, ...(variant === undefined ? {} : { variant }) },
  });
  const index = {
    manifests: [one("amd64", "v3"), one("amd64"), one("arm", "v6"), one("arm", "v7"), one("riscv64")],
  };
  assert.equal(choosePlatform(index, "amd64")?.digest, "amd64");
  assert.equal(choosePlatform(index, "arm")?.digest, "armv7");
  assert.equal(choosePlatform(index, "riscv64")?.digest, "riscv64");
  assert.equal(choosePlatform(index, "s390x"), undefined);
  for (const odd of [null, 1, {}, { manifests: [null, { platform: 1 }] }])
    assert.equal(choosePlatform(odd, "amd64"), undefined);
});
