import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  editReceiver,
  receiverIn,
  revertReceiver,
} from "../../../../src/core/containerd/config/edit-traces.ts";
import { planConfigEdit } from "../../../../src/core/containerd/config/plan-config-edit.ts";
import { revertConfigEdit } from "../../../../src/core/containerd/config/revert-config-edit.ts";
import { parseContainerdVersion } from "../../../../src/core/containerd/version.ts";
import { arbitraryConfig } from "../../../support/arbitrary-config.ts";
import { configFixtures, readConfigFixture } from "../../../support/config-fixtures.ts";

const path = "/etc/containerd/config.toml";
const ENDPOINT = "http://127.0.0.1:9478";
const ours = new Set([ENDPOINT, "http://127.0.0.1:9999"]);
const wanted = { style: "certs.d", configPath: "/etc/containerd/certs.d", auths: [] } as const;
const TABLE = '[plugins."io.containerd.tracing.processor.v1.otlp"]';

/** As `containerd config default` of 1.7.15 has it. */
const DEFAULT_1_7_15 = `version = 2
[plugins]
  [plugins."io.containerd.internal.v1.tracing"]
    sampling_ratio = 1.0
    service_name = "containerd"

  ${TABLE}
    endpoint = ""
    insecure = false
    protocol = ""

  [plugins."io.containerd.transfer.v1.local"]
`;

test("the receiver is one key, set in place, changed, and taken out again", () => {
  const cases = [
    [DEFAULT_1_7_15, DEFAULT_1_7_15.replace('endpoint = ""', `endpoint = "${ENDPOINT}"`)],
    ["version = 2\n", `version = 2\n\n${TABLE}\n  endpoint = "${ENDPOINT}"\n`],
    [`version = 2\n${TABLE}\n# theirs\n`, `version = 2\n${TABLE}\n  endpoint = "${ENDPOINT}"\n# theirs\n`],
    ["version = 2\nplugins.x.y = 1\n", undefined],
  ] as const;
  for (const [before, expected] of cases) {
    const on = editReceiver(before, { endpoint: ENDPOINT, ours });
    if (expected !== undefined) assert.equal(on, expected);
    assert.equal(receiverIn(on ?? ""), ENDPOINT);
    assert.equal(editReceiver(on ?? "", { endpoint: ENDPOINT, ours }), on, "once");
    const moved = editReceiver(on ?? "", { endpoint: "http://127.0.0.1:9999", ours }) ?? "";
    assert.equal(moved, on?.replace("9478", "9999"));
    assert.equal(receiverIn(editReceiver(moved, { endpoint: "", ours }) ?? "") ?? "", "");
    assert.equal(revertReceiver(moved, before, ours), before);
  }
});

test("somebody else's receiver stays, whatever is wanted", () => {
  const text = DEFAULT_1_7_15.replace('endpoint = ""', 'endpoint = "http://collector:4318"');
  for (const endpoint of [ENDPOINT, ""]) assert.equal(editReceiver(text, { endpoint, ours }), text);
  assert.equal(revertReceiver(text, DEFAULT_1_7_15, ours), text);
});

test("with registries in one edit, on every fixture: only our key besides, and the original comes back", () => {
  const version = parseContainerdVersion("1.7.15");
  assert.ok(version);
  let edited = 0;
  for (const { name, versions } of configFixtures) {
    if (!versions.includes("1.7.24")) continue;
    const text = readConfigFixture(name);
    const request = { path, text, imports: [], version, wanted };
    const plain = planConfigEdit(request);
    const traced = planConfigEdit({ ...request, receiver: { endpoint: ENDPOINT, ours } });
    assert.ok(plain.ok && traced.ok, name);
    // Written as one inline table, it takes no other one; mirrors get in all the same.
    if (traced.text === plain.text) continue;
    edited += 1;
    assert.equal(receiverIn(traced.text), ENDPOINT, name);
    const lines = new Set(plain.text.split(/\r?\n/));
    const added = traced.text.split(/\r?\n/).filter((line) => !lines.has(line));
    for (const line of added)
      assert.match(line, /^\s*(?:\[?plugins\..*otlp"?'?\]?|.*endpoint = "http.*)$/, name);
    const again = planConfigEdit({ ...request, text: traced.text, receiver: { endpoint: ENDPOINT, ours } });
    assert.ok(again.ok && !again.changed, name);
    const reverted = revertConfigEdit({
      path,
      current: traced.text,
      original: text,
      version,
      receivers: ours,
    });
    assert.deepEqual(reverted, { ok: true, text }, name);
  }
  assert.ok(edited >= 10, `${edited} fixtures`);
});

test("property: any config.toml comes back as it was, and what others add stays", () => {
  const version = parseContainerdVersion("1.7.15");
  assert.ok(version);
  let edited = 0;
  fc.assert(
    fc.property(arbitraryConfig(), ({ text, release }) => {
      if (!release.startsWith("1.")) return;
      const receiver = { endpoint: ENDPOINT, ours };
      const on = planConfigEdit({ path, text, imports: [], version, wanted, receiver });
      if (!on.ok || receiverIn(on.text) !== ENDPOINT) return;
      edited += 1;
      const request = { path, original: text, version, receivers: ours };
      assert.deepEqual(revertConfigEdit({ ...request, current: on.text }), { ok: true, text });
      const theirs = `${on.text}\n[ttrpc]\n  uid = 7 # theirs\n`;
      const reverted = revertConfigEdit({ ...request, current: theirs });
      assert.ok(reverted.ok);
      assert.equal(receiverIn(reverted.text) ?? "", "");
      assert.match(reverted.text, /# theirs/);
    }),
    { numRuns: 200 },
  );
  assert.ok(edited > 50, `${edited} of 200`);
});
