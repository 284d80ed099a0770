import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import type { HostEntry } from "../../../../src/core/containerd/hosts-toml/host-entry.ts";
import { readHostsToml } from "../../../../src/core/containerd/hosts-toml/read-hosts-toml.ts";
import { isAtLeast } from "../../../../src/core/containerd/version.ts";
import { EVERY, version } from "../support/versions.ts";

interface Expected {
  readonly scheme?: string;
  readonly host?: string;
  readonly path: string;
  readonly caps?: "all" | readonly string[];
  readonly ca?: number | readonly string[];
  readonly clientPairs?: readonly (readonly string[])[];
  readonly skipVerify?: boolean;
  readonly header?: Readonly<Record<string, readonly string[]>>;
  readonly dialTimeout?: string;
}

const file = new URL("../../../vectors/hosts-toml.json", import.meta.url);
const { upstream_parse_vectors: upstream } = JSON.parse(readFileSync(file, "utf8")) as {
  upstream_parse_vectors: { toml_file_order: readonly { readonly out: Expected }[] };
};

/** The document of the vectors' `in` column. `referrers` stands only where the release knows it. */
const document = (referrers: string): string => `
server = "https://test-default.registry"
ca = "/etc/path/default"
[header]
  x-custom-1 = "custom header"

[host."https://mirror.registry"]
  capabilities = ["pull"]
  ca = "/etc/certs/mirror.pem"
  skip_verify = false
  [host."https://mirror.registry".header]
    x-custom-2 = ["value1", "value2"]

[host."https://mirror-bak.registry/us"]
  capabilities = ["pull"]
  skip_verify = true

[host."http://mirror.registry"]
  capabilities = ["pull"]

[host."https://test-1.registry"]
  capabilities = ["pull", "resolve", "push"${referrers}]
  ca = ["/etc/certs/test-1-ca.pem", "/etc/certs/special.pem"]
  client = [["client.cert", "client.key"], ["client.pem", ""]]

[host."https://test-2.registry"]
  client = "client.pem"

[host."https://test-3.registry"]
  client = ["client-1.pem", "client-2.pem"]

[host."https://no-referrers.registry"]
  capabilities = ["pull", "resolve", "push"]
  client = ["client-1.pem", "client-2.pem"]

[host."https://noncompliantmirror.registry/v2/namespaceprefix"]
  capabilities = ["pull"]
  override_path = true

[host."https://noprefixnoncompliant.registry"]
  override_path = true

[host."https://onlyheader.registry".header]
  x-custom-1 = "justaheader"

[host."https://dial-timeout.registry"]
  dial_timeout = "3s"
`;

describe("upstream's own parse vectors", () => {
  for (const release of EVERY)
    test(release, () => {
      const knowsReferrers = isAtLeast(version(release), 2, 2);
      const file = readHostsToml(document(knowsReferrers ? ', "referrers"' : ""), version(release), "");
      assert.equal(file.kind, "hosts");
      const vectors = upstream.toml_file_order;
      assert.equal(vectors.length, 12);
      assert.equal(file.entries.length, vectors.length);
      vectors.forEach(({ out }, index) => {
        const entry = file.entries[index];
        assert.ok(entry);
        compare(entry, out, release);
      });
      assert.equal(file.entries.at(-1)?.isRoot, true);
    });
});

function compare(entry: HostEntry, out: Expected, release: string): void {
  const isNewer = isAtLeast(version(release), 2, 2);
  const all = ["pull", "resolve", "push", ...(isNewer ? ["referrers"] : [])];
  const wanted = out.caps === undefined || out.caps === "all" ? all : out.caps;
  assert.deepEqual(
    entry.capabilities,
    wanted.filter((name) => isNewer || name !== "referrers"),
  );
  if (out.scheme !== undefined) assert.equal(entry.scheme, out.scheme);
  if (out.host !== undefined) assert.equal(entry.host, out.host);
  assert.equal(entry.path, out.path);
  if (typeof out.ca === "number") assert.equal(entry.ca?.length, out.ca);
  else assert.deepEqual(entry.ca, out.ca);
  if (out.clientPairs !== undefined) assert.deepEqual(entry.client, out.clientPairs);
  assert.equal(entry.skipVerify, out.skipVerify);
  const header = entry.header && Object.fromEntries(entry.header.map(({ name, values }) => [name, values]));
  assert.deepEqual(header, out.header);
  const knowsDialTimeout = isAtLeast(version(release), 2, 0, 7);
  const expectsTimeout = out.dialTimeout !== undefined && knowsDialTimeout;
  assert.equal(entry.dialTimeoutMs, expectsTimeout ? 3000 : undefined);
}
