import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readHostsToml } from "../../../../src/core/containerd/hosts-toml/read-hosts-toml.ts";
import { encodeTomlKey, encodeTomlString, encodeTomlStrings } from "../../../../src/core/toml/encode-toml.ts";
import { EVERY, version } from "../support/versions.ts";

const host = fc.record({
  scheme: fc.constantFrom("http", "https"),
  name: fc.domain(),
  port: fc.constantFrom("", ":80", ":5000"),
  path: fc.constantFrom("", "/v2/ns", "/v2/a/b"),
  capabilities: fc.constantFrom(["pull"], ["pull", "resolve"]),
  header: fc.option(
    fc.string({ unit: "binary", maxLength: 12 }).filter((text) => !/\p{Surrogate}/u.test(text)),
  ),
});
type Host = Parameters<Parameters<typeof host.map>[0]>[0];

function urlOf({ scheme, name, port, path }: Host): string {
  return `${scheme}://${name}${port}${path}`;
}

/** The shape that every release is meant to read alike: root keys, `[host."…"]` headers, `.header` right after. */
function encode(server: string | undefined, hosts: readonly Host[]): string {
  const lines = server === undefined ? [] : [`server = ${encodeTomlString(server)}`];
  if (hosts.length === 0) lines.push("[host]");
  for (const each of hosts) {
    const table = `host.${encodeTomlString(urlOf(each))}`;
    lines.push(`[${table}]`, `  capabilities = ${encodeTomlStrings(each.capabilities)}`);
    if (each.path !== "") lines.push("  override_path = true");
    if (each.scheme === "https") lines.push(`  ca = ${encodeTomlString("ca.crt")}`, "  skip_verify = true");
    if (each.header === null) continue;
    lines.push(
      `  [${table}.header]`,
      `    ${encodeTomlKey("authorization")} = ${encodeTomlString(each.header)}`,
    );
  }
  return `${lines.join("\n")}\n`;
}

test("every release reads the portable shape alike, and as it was meant", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(host, { maxLength: 4, selector: urlOf }),
      fc.option(fc.constantFrom("https://gcr.io", "http://m:5000/v2/x"), { nil: undefined }),
      (hosts, server) => {
        const text = encode(server, hosts);
        for (const release of EVERY) {
          const file = readHostsToml(text, version(release), "/d");
          assert.ok(file.kind === "hosts", `${release}: ${JSON.stringify(file)}\n${text}`);
          assert.deepEqual([file.ignored, file.unordered], [[], []]);
          assert.deepEqual(
            file.entries.map(({ written }) => written),
            [...hosts.map(urlOf), server ?? ""],
          );
          file.entries.slice(0, -1).forEach((entry, index) => {
            const meant = hosts[index];
            assert.ok(meant);
            assert.equal(`${entry.scheme}://${entry.host}`, `${meant.scheme}://${meant.name}${meant.port}`);
            assert.equal(entry.path, meant.path === "" ? "/v2" : meant.path);
            assert.deepEqual(entry.capabilities, meant.capabilities);
            assert.equal(entry.httpsFirst, false);
            assert.deepEqual(entry.header?.[0]?.values, meant.header === null ? undefined : [meant.header]);
          });
        }
      },
    ),
    { numRuns: 100 },
  );
});
