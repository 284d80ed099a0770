import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { createTwoFilesPatch } from "diff";
import { planConfigEdit } from "../../../../src/core/containerd/config/plan-config-edit.ts";
import { revertConfigEdit } from "../../../../src/core/containerd/config/revert-config-edit.ts";
import type { WantedRegistries } from "../../../../src/core/containerd/config/wanted-registries.ts";
import { parseContainerdVersion } from "../../../../src/core/containerd/version.ts";
import { configFixtures, readConfigFixture } from "../../../support/config-fixtures.ts";

const path = "/etc/containerd/config.toml";
const auths = [{ host: "mirror.internal:5000", username: "puller", password: 'p"w\\#' }];

for (const { name, versions, takesAuth } of configFixtures) {
  for (const release of versions) {
    test(`${name} on ${release}: only our lines change`, () => {
      const version = parseContainerdVersion(release);
      assert.ok(version);
      const wanted: WantedRegistries = {
        style: "certs.d",
        configPath: "/etc/containerd/certs.d",
        auths: takesAuth ? auths : [],
      };
      const text = readConfigFixture(name);
      const request = { path, text, imports: [], version, wanted };
      const result = planConfigEdit(request);
      assert.ok(result.ok, JSON.stringify(result, null, 2));
      const patch = createTwoFilesPatch("before", "after", text, result.text, undefined, undefined, {
        context: 3,
      });
      compareGolden(`${name}@${release}.diff`, `${patch}${describe(result)}`);
      for (const line of patch.split(/\r?\n/).slice(3)) if (/^[-+]/.test(line)) assert.match(line, ours);
      const again = planConfigEdit({ ...request, text: result.text });
      assert.ok(again.ok && !again.changed, "a second edit changes nothing");
      assert.deepEqual(revertConfigEdit({ path, current: result.text, original: text, version }), {
        ok: true,
        text,
      });
    });
  }
}

// Additions: config_path, its table, our marked table. Removals: the old config_path, legacy tables.
const ours =
  /^(?:\+\s*$|[-+]\s*config_path = |[-+]registry = \{ config_path|\+\s*"io\.containerd\.grpc\.v1\.cri"\.registry\.config_path = |\+\s*# Owned by mirrorlet; edit the desired state instead\.$|\+\s*\[plugins\.['"a-z0-9.]+\.registry(?:\.configs\.['"]mirror\.internal:5000['"]\.auth)?\]$|\+\s*(?:username|password) = |-\s*\[[^\]]*\.registry\.(?:mirrors|configs)\.".*"(?:\.tls)?\]$|-\s*(?:endpoint|ca_file|cert_file|key_file|insecure_skip_verify) = |-\s*"https?:|-\s*\]$|-\t\t\truntime_type|\+\t\t\truntime_type)/;

function describe(result: Extract<ReturnType<typeof planConfigEdit>, { ok: true }>): string {
  const migrated = result.migrated.map((registry) => JSON.stringify(registry));
  const notices = result.notices.map(({ at, message }) => `${at.line}:${at.column}: ${message}`);
  return ["", ...result.changes, ...migrated, ...notices, ""].join("\n");
}

function compareGolden(name: string, actual: string): void {
  const file = new URL(`../../../golden/config/${name}`, import.meta.url);
  if (process.env["UPDATE_GOLDEN"] === "1" || !existsSync(file)) {
    assert.equal(
      process.env["UPDATE_GOLDEN"],
      "1",
      `${name} is missing: run once with UPDATE_GOLDEN=1 and look at it`,
    );
    writeFileSync(file, actual);
  }
  assert.equal(actual, readFileSync(file, "utf8"));
}
