import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { watchNode } from "../../../src/agent/doctor/watch-node.ts";
import type { Log } from "../../../src/agent/ports.ts";
import { listFindings } from "../../../src/agent/status-document.ts";
import { parseContainerdVersion } from "../../../src/core/containerd/version.ts";
import type { Finding } from "../../../src/core/doctor/finding.ts";
import { inspectCertificates } from "../../../src/host/certificates.ts";
import { createClock } from "../../../src/host/clock.ts";
import { createFiles } from "../../../src/host/files.ts";
import { CERTS_D, CONFIG, goodConfig } from "../../support/doctored-node.ts";

const GOOD = `[host."https://mirror.example:5000"]\n  capabilities = ["pull", "resolve"]\n`;
const TYPO = GOOD.replace('"resolve"', '"resolv"');

function watched(t: TestContext, release = "1.7.24") {
  const root = mkdtempSync(join(tmpdir(), "mirrorlet-watch-"));
  t.after(() => rmSync(root, { recursive: true }));
  const file = join(root, CERTS_D, "gcr.io/hosts.toml");
  mkdirSync(join(root, CERTS_D, "gcr.io"), { recursive: true });
  writeFileSync(join(root, CONFIG), goodConfig(release));
  const told: string[] = [];
  const changes: (readonly Finding[])[] = [];
  const quiet = () => {};
  const log: Log = { debug: quiet, info: quiet, error: quiet, warn: ({ code }) => told.push(String(code)) };
  const version = parseContainerdVersion(release);
  const watch = watchNode({
    ports: { files: createFiles({ root }), clock: createClock(), log },
    containerd: { version: async () => version },
    configFile: CONFIG,
    certsD: CERTS_D,
    inspectCertificates,
    onChange: (findings) => changes.push(findings),
  });
  /** Waits for the look that a pass is a reason for. */
  const pass = async () => {
    watch.passed();
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  };
  return { file, root, watch, pass, told, changes };
}

test("findings come and go with the files, and each is logged once", async (t) => {
  const { file, pass, changes, told, watch } = watched(t);
  writeFileSync(file, GOOD);
  await pass();
  assert.equal(changes.length, 0, "a clean node has none, which is no news");
  writeFileSync(file, TYPO);
  await pass();
  await pass();
  assert.equal(changes.length, 1);
  const [finding] = changes[0] ?? [];
  assert.deepEqual(told, [finding?.code]);
  writeFileSync(file, GOOD);
  await pass();
  assert.deepEqual(changes[1], []);
  await watch.stop();
  writeFileSync(file, TYPO);
  await pass();
  assert.equal(changes.length, 2, "it has been stopped");
});

test("a file that cannot be read leaves what was found, and passes go on", async (t) => {
  const { file, root, pass, changes } = watched(t);
  writeFileSync(file, TYPO);
  await pass();
  rmSync(join(root, CONFIG));
  mkdirSync(join(root, CONFIG));
  await pass();
  assert.equal(changes.length, 1);
  rmSync(join(root, CONFIG), { recursive: true });
  writeFileSync(join(root, CONFIG), goodConfig("1.7.24"));
  writeFileSync(file, GOOD);
  await pass();
  assert.deepEqual(changes[1], []);
});

test("the agent's findings are the pass' and doctor's, without secrets", async (t) => {
  const { file, pass, changes } = watched(t);
  writeFileSync(file, TYPO);
  await pass();
  const [finding] = changes[0] ?? [];
  assert.ok(finding);
  const secret = { ...finding, fact: "it is http://me:hunter2@proxy:1" };
  const at = { file: "/etc/mirrorlet/desired-state.yaml", line: 3, column: 5 };
  const issue = { code: "endpoint-path", severity: "warning", at, message: "m", fix: "f" } as const;
  const listed = listFindings({ issues: [issue], conflicts: [] }, [secret]);
  assert.deepEqual(
    listed.map(({ code, where }) => [code, where.split(":")[0]]),
    [
      ["endpoint-path", at.file],
      [finding.code, `${CERTS_D}/gcr.io/hosts.toml`],
    ],
  );
  assert.doesNotMatch(JSON.stringify(listed), /hunter2/);
  assert.match(listed[1]?.message ?? "", /every pull of gcr\.io goes straight to https:\/\/gcr\.io/);
});
