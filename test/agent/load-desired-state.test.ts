import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { loadDesiredState } from "../../src/agent/load-desired-state.ts";
import type { Clock } from "../../src/agent/ports.ts";
import { trackInputs } from "../../src/agent/track-inputs.ts";
import { inspectCertificates } from "../../src/host/certificates.ts";
import { createFiles } from "../../src/host/files.ts";
import { watchTargets } from "../../src/program/watch-targets.ts";
import { createCa } from "../support/tls.ts";
import { CONFIG, createTestNode } from "./test-node.ts";

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

test("Secrets in secrets_dir are inputs: their directory is watched, and so is the link Kubernetes swaps", async (t) => {
  const secret = "kind: Secret\nmetadata: {name: ca}\nstringData: {ca.crt: x}\n";
  const root = tree(t, { "/secrets/..2026/ca.yaml": secret });
  symlinkSync("..2026", join(root, "secrets/..data"));
  symlinkSync("..data/ca.yaml", join(root, "secrets/ca.yaml"));
  const tracked = trackInputs(createFiles({ root }));
  await tracked.files.read("/etc/ca.crt");
  await tracked.files.readTree("/secrets");
  for (const path of ["/etc/ca.crt", "/secrets/ca.yaml", "/secrets/..data"])
    assert.ok(tracked.inputs.includes(path), path);
  const { config, remove } = createTestNode();
  t.after(remove);
  const targets = watchTargets({ config, root }, { ownedDirectories: [], inputs: tracked.inputs });
  assert.ok(targets.some(({ directory, only }) => directory === "/secrets" && only?.includes("ca.yaml")));
});

test("a config.toml behind a link is watched where it is, and where the link is", (t) => {
  const root = tree(t, { "/usr/share/containerd/base.toml": "" });
  const { config, remove } = createTestNode();
  t.after(remove);
  const directories = () => watchTargets({ config, root }, undefined).map(({ directory }) => directory);
  assert.ok(!directories().includes("/usr/share/containerd"));
  mkdirSync(dirname(join(root, CONFIG)), { recursive: true });
  symlinkSync("/usr/share/containerd/base.toml", join(root, CONFIG));
  assert.ok(directories().includes("/usr/share/containerd"));
  assert.ok(directories().includes(dirname(CONFIG)));
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
