import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { planConfigEdit } from "../../../src/core/containerd/config/plan-config-edit.ts";
import type { WantedRegistries } from "../../../src/core/containerd/config/wanted-registries.ts";
import { type ContainerdVersion, parseContainerdVersion } from "../../../src/core/containerd/version.ts";
import { type ConfigEditClaim, judgeConfigEdit } from "../../../src/core/privilege/judge-config-edit.ts";
import { arbitraryConfig } from "../../support/arbitrary-config.ts";

const certsD = "/etc/containerd/certs.d";
const path = "/etc/containerd/config.toml";
const wanted: WantedRegistries = { style: "certs.d", configPath: certsD, auths: [] };
const withAuth: WantedRegistries = {
  ...wanted,
  auths: [{ host: "mirror:5000", username: 'a"b\\', password: "p\nq] = [" }],
};

function versionOf(text: string): ContainerdVersion {
  const version = parseContainerdVersion(text);
  assert(version !== undefined);
  return version;
}

function plan(
  before: string | undefined,
  release: string,
  what: WantedRegistries = wanted,
): string | undefined {
  const edit = planConfigEdit({ path, text: before, imports: [], version: versionOf(release), wanted: what });
  return edit.ok ? edit.text : undefined;
}

function judge(
  before: string | undefined,
  after: string,
  release = "1.7.24",
  claim: Partial<ConfigEditClaim> = {},
): string | undefined {
  return judgeConfigEdit({
    path,
    before,
    after,
    imports: [],
    version: versionOf(release),
    style: "certs.d",
    certsD,
    legacyDirectory: "/etc/containerd/mirrorlet",
    receivers: new Set(),
    ...claim,
  });
}

test("every edit that the planner makes passes", () => {
  let edits = 0;
  fc.assert(
    fc.property(arbitraryConfig(), fc.constantFrom(wanted, withAuth), ({ text, release }, what) => {
      const after = plan(text, release, what);
      if (after === undefined) return;
      edits++;
      assert.equal(judge(text, after, release), undefined, after);
      const next = plan(after, release, wanted);
      if (next !== undefined) assert.equal(judge(after, next, release), undefined, next);
    }),
    { numRuns: 300 },
  );
  assert(edits > 100, `only ${edits} of 300 were edits`);
});

test("a file that is not there yet is made", () => {
  const after = plan(undefined, "2.1.9") ?? "";
  assert.match(after, /config_path/);
  assert.equal(judge(undefined, after, "2.1.9"), undefined);
});

const intrusions = [
  'imports = ["/tmp/evil.toml"]\n',
  "imports = ['/var/lib/mirrorlet/x.toml']\n",
  'plugin_dir = "/var/lib/mirrorlet/plugins"\n',
  '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]\n  BinaryName = "/var/lib/mirrorlet/sh"\n',
  '[proxy_plugins.evil]\n  type = "snapshot"\n  address = "/var/lib/mirrorlet/s.sock"\n',
  '[stream_processors."evil"]\n  path = "/var/lib/mirrorlet/sh"\n',
  '[plugins."io.containerd.internal.v1.opt"]\n  path = "/var/lib/mirrorlet"\n',
  "[debug]\n  address = '/tmp/debug.sock'\n",
  "[grpc]\n  gid = 64000\n",
  '[plugins."io.containerd.tracing.processor.v1.otlp"]\n  endpoint = "http://127.0.0.1:4318"\n',
  '[plugins."io.containerd.grpc.v1.cri".registry]\n  config_path = "/tmp/certs.d"\n',
  "# only a comment\n",
  "\ufeff",
  "\n",
];

test("property: nothing of others can be put in, taken out or moved, wherever it is put", () => {
  let judged = 0;
  fc.assert(
    fc.property(
      arbitraryConfig(),
      fc.constantFrom(...intrusions),
      fc.nat(),
      fc.boolean(),
      ({ text, release }, intrusion, at, isLine) => {
        const after = plan(text, release);
        if (after === undefined) return;
        const lines = after
          .split("\n")
          .map((line, index, all) => (index < all.length - 1 ? `${line}\n` : line));
        const place = at % (lines.length + 1);
        const forged = isLine
          ? [...lines.slice(0, place), intrusion, ...lines.slice(place)].join("")
          : `${after.slice(0, at % (after.length + 1))}${intrusion}${after.slice(at % (after.length + 1))}`;
        if (forged === after) return;
        judged++;
        assert.notEqual(judge(text, forged, release), undefined, forged);
        const cut = lines.filter((_, index) => index !== at % lines.length).join("");
        // Without one of our own lines it may be another edit of ours; without one of theirs it is none.
        const line = lines[at % lines.length] ?? "";
        if (text.includes(line) && line.trim() !== "" && cut !== plan(text, release))
          assert.notEqual(judge(text, cut, release), undefined, cut);
      },
    ),
    { numRuns: 500 },
  );
  assert(judged > 200, `only ${judged} of 500 were judged`);
});

test("what ours may say is root's to decide", () => {
  const before = 'version = 2\n[plugins."io.containerd.grpc.v1.cri"]\n  sandbox_image = "pause"\n';
  const elsewhere = plan(before, "1.7.24", { ...wanted, configPath: "/var/lib/mirrorlet/certs.d" }) ?? "";
  assert.match(judge(before, elsewhere) ?? "", /agent.toml says/);
  const legacy: WantedRegistries = {
    style: "legacy",
    mirrors: [{ namespace: "gcr.io", endpoints: ["https://m:5000"] }],
    tls: [{ host: "m:5000", caFile: "/etc/shadow" }],
    auths: [],
  };
  const inLegacy = plan(before, "1.7.24", legacy) ?? "";
  assert.match(judge(before, inLegacy) ?? "", /style/);
  assert.match(judge(before, inLegacy, "1.7.24", { style: "legacy" }) ?? "", /TLS file/);
  const own = { ...legacy, tls: [{ host: "m:5000", caFile: "/etc/containerd/mirrorlet/ca-1.pem" }] };
  assert.equal(judge(before, plan(before, "1.7.24", own) ?? "", "1.7.24", { style: "legacy" }), undefined);
});

test("a receiver of traces: on this node, where the release reads it, and never another one's", () => {
  const ours = "http://127.0.0.1:9478";
  const edit = (
    before: string,
    endpoint: string,
    release: string,
    mine: readonly string[] = [endpoint],
  ): string => {
    const result = planConfigEdit({
      path,
      text: before,
      imports: [],
      version: versionOf(release),
      wanted,
      receiver: { endpoint, ours: new Set(mine) },
    });
    assert(result.ok);
    return result.text;
  };
  const plain = plan("version = 2\n", "1.7.12") ?? "";
  const traced = edit(plain, ours, "1.7.12");
  assert.equal(judge(plain, traced, "1.7.12"), undefined);
  assert.match(judge(plain, edit(plain, ours, "1.7.24"), "1.7.24") ?? "", /environment/);
  for (const url of [
    "http://10.0.0.1:4318",
    "http://localhost.evil:1",
    "https://127.0.0.1:1",
    "http://127.0.0.1:0",
  ])
    assert.match(judge(plain, edit(plain, url, "1.7.12"), "1.7.12") ?? "", /no receiver/, url);
  const untraced = edit(traced, "", "1.7.12", [ours]);
  assert.match(judge(traced, untraced, "1.7.12") ?? "", /not ours/);
  assert.equal(judge(traced, untraced, "1.7.12", { receivers: new Set([ours]) }), undefined);
});
