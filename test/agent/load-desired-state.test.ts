import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { loadDesiredState } from "../../src/agent/load-desired-state.ts";
import type { Clock } from "../../src/agent/ports.ts";
import { inspectCertificates } from "../../src/host/certificates.ts";
import { createFiles } from "../../src/host/files.ts";
import { createCa } from "../support/tls.ts";

const clock: Pick<Clock, "now"> = { now: () => Date.UTC(2026, 0, 1) };

test("reads what is named below --root, and Secrets from secrets_dir", async (t) => {
  const ca = await (await createCa()).issueServer();
  const root = tree(t, {
    "/etc/mirrorlet/secrets/a/login.yaml":
      "kind: Secret\nmetadata: {name: login}\nstringData: {username: ann, password: pass}\n",
    "/etc/mirrorlet/secrets/ca.json": JSON.stringify({
      kind: "Secret",
      metadata: { name: "ca" },
      stringData: { "ca.crt": ca.cert },
    }),
    "/root/gcr.json": '{"private_key": "x"}',
  });
  const text = `gcrKeyPath: /root/gcr.json
---
kind: Cluster
spec:
  nodeConfig:
    registryMirrors:
      - endpoint: https://m.example.com
        caCertSecretRef: {name: ca}
        pullCredentialSecretRef: {name: login}
`;
  const { state, issues } = await load(root, text, "/etc/mirrorlet/secrets");
  assert.deepEqual(issues, []);
  assert.deepEqual(state?.registries[0]?.mirrors[0]?.credential, { username: "ann", password: "pass" });
  assert.equal(state?.registries[0]?.mirrors[0]?.ca, ca.cert);
  assert.equal(state?.upstreamCredentials[0]?.host, "gcr.io");
});

test("files that are absent, folders or too large are issues where they are named, all at once", async (t) => {
  const root = tree(t, { "/large": "x".repeat(1024 * 1024 + 1), "/folder/x": "" });
  const entry = (path: string) => `- {endpoint: https://m.example.com, caCertPath: ${path}}\n`;
  const { state, issues } = await load(
    root,
    `registryMirrors:\n${entry("/absent")}${entry("/folder")}${entry("/large")}`,
  );
  assert.equal(state, undefined);
  assert.deepEqual(
    issues.map(({ code, at }) => [code, at.line]),
    [
      ["file-missing", 2],
      ["file-unreadable", 3],
      ["file-too-large", 4],
    ],
  );
});

test("a secrets_dir that cannot be listed leaves the missing Secret to be reported", async (t) => {
  const root = tree(t, { "/secrets": "not a directory" });
  chmodSync(join(root, "secrets"), 0o600);
  const text =
    "kind: Cluster\nspec: {nodeConfig: {registryMirrors: [{endpoint: https://m.example.com, caCertSecretRef: {name: ca}}]}}\n";
  const { issues } = await load(root, text, "/secrets");
  assert.deepEqual(
    issues.map(({ code }) => code),
    ["secret-missing"],
  );
});

function load(root: string, text: string, secretsDir?: string) {
  const source = { name: "state.yaml", bytes: new TextEncoder().encode(text) };
  return loadDesiredState([source], {
    files: createFiles({ root }),
    clock,
    certificates: inspectCertificates,
    secretsDir,
  });
}

function tree(t: TestContext, files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), "mirrorlet-load-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}
