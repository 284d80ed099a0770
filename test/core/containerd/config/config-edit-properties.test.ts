import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { planConfigEdit } from "../../../../src/core/containerd/config/plan-config-edit.ts";
import { revertConfigEdit } from "../../../../src/core/containerd/config/revert-config-edit.ts";
import type { WantedRegistries } from "../../../../src/core/containerd/config/wanted-registries.ts";
import { readRegistryConfig } from "../../../../src/core/containerd/registry-config.ts";
import { type ContainerdVersion, parseContainerdVersion } from "../../../../src/core/containerd/version.ts";
import { parseToml } from "../../../../src/core/toml/parse-toml.ts";
import { arbitraryConfig } from "../../../support/arbitrary-config.ts";

const path = "/etc/containerd/config.toml";

const arbitraryAuths = fc.uniqueArray(
  fc.record({
    host: fc.constantFrom("m.example", "m.example:5000", "registry-1.docker.io", "10.0.0.7:80"),
    username: fc.string({ minLength: 1, maxLength: 6, unit: "grapheme" }),
    password: fc.string({ minLength: 1, maxLength: 12, unit: "grapheme" }),
  }),
  { selector: ({ host }) => host, maxLength: 3 },
);

const arbitraryWanted: fc.Arbitrary<WantedRegistries> = arbitraryAuths.map((auths) => {
  return { style: "certs.d", configPath: "/etc/containerd/certs.d", auths };
});

interface Edited {
  readonly text: string;
  readonly version: ContainerdVersion;
  readonly wanted: WantedRegistries;
  readonly result: string;
}

function check(property: (edited: Edited) => void, numRuns = 150): void {
  let edited = 0;
  fc.assert(
    fc.property(arbitraryConfig(), arbitraryWanted, ({ text, release }, wanted) => {
      const version = parseContainerdVersion(release);
      assert.ok(version);
      const result = planConfigEdit({ path, text, imports: [], version, wanted });
      if (!result.ok) {
        // Only tables that would have to go into an inline table are refused.
        assert.deepEqual(
          new Set(result.issues.map(({ code }) => code)),
          new Set(["containerd-config-inline-table"]),
          JSON.stringify(result.issues),
        );
        return;
      }
      edited++;
      property({ text, version, wanted, result: result.text });
    }),
    { numRuns },
  );
  assert.ok(edited > numRuns / 2, `only ${edited} of ${numRuns} were edited`);
}

test("idempotent: an edited file is not edited again", () => {
  check(({ version, wanted, result }) => {
    const again = planConfigEdit({ path, text: result, imports: [], version, wanted });
    assert.ok(again.ok);
    assert.equal(again.changed, false);
    assert.deepEqual(again.changes, []);
  });
});

test("every line that is not ours stays, byte for byte and in order", () => {
  check(({ text, result }) => {
    const lines = result.split("\n").map((line) => line.trimEnd());
    let at = 0;
    for (const line of text.split("\n").map((raw) => raw.trimEnd())) {
      if (line === "" || mayGo.test(line)) continue;
      const found = lines.indexOf(line, at);
      assert.notEqual(found, -1, `lost: ${line}`);
      at = found + 1;
    }
  });
});

// Only these may go: config_path, and legacy tables that collide with it.
const mayGo =
  /config_path|^\s*\[.*\.(?:mirrors\..*|configs\."mirror:5000"(?:\.tls)?)\]|endpoint|^\s*"https:\/\/a",|"b:5000" \]|ca_file|insecure_skip_verify|registry = \{|# first/;

test("containerd would read what was wanted, and load CRI", () => {
  check(({ version, wanted, result }) => {
    const config = readRegistryConfig({ path, text: result }, [], version);
    assert.deepEqual([config.daemon, config.criLoads], [{ ok: true }, { ok: true }]);
    assert.deepEqual(config.roots, ["/etc/containerd/certs.d"]);
    for (const { host, username, password } of wanted.auths) {
      assert.deepEqual(config.configs.find((own) => own.host === host)?.auth, { username, password });
    }
  });
});

test("reverting an edit gives the original file back", () => {
  check(({ text, version, result }) => {
    assert.deepEqual(revertConfigEdit({ path, current: result, original: text, version }), {
      ok: true,
      text,
    });
  });
});

test("reverting keeps what others changed in the meantime", () => {
  check(({ text, version, result }) => {
    const theirs = `\n# theirs\n[ttrpc]\n  uid = 7\n  weight = 2.0\n`;
    const reverted = revertConfigEdit({ path, current: result + theirs, original: text, version });
    assert.ok(reverted.ok, JSON.stringify(reverted));
    assert.ok(reverted.text.endsWith(theirs));
    assert.doesNotMatch(reverted.text, /mirrorlet/);
    const [expected, actual] = [parseToml(text + theirs), parseToml(reverted.text)];
    assert.ok(expected.ok && actual.ok);
    assert.deepEqual(prune(actual.value), prune(expected.value));
  });
});

// Empty tables mean nothing; the header of a registry table may stay or go.
function prune(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof Date)
    return value;
  const entries = Object.entries(value).map(([key, child]) => [key, prune(child)] as const);
  return Object.fromEntries(
    entries.filter(
      ([, child]) => typeof child !== "object" || child === null || Object.keys(child).length > 0,
    ),
  );
}
