import assert from "node:assert/strict";
import { test } from "node:test";
import { maskSecrets } from "../../../src/core/plan/mask-secrets.ts";
import { renderDiff } from "../../../src/core/plan/render-diff.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test("secrets of hosts.toml and config.toml are masked, whatever their form", () => {
  const text = `
[host."https://m".header]
  authorization = "Basic c2VjcmV0"
  x-api-key = ["s3cret-1", "s3cret-2"]
[plugins."io.containerd.grpc.v1.cri".registry.configs."m".auth]
  username = "user"
  password = '''s3cret
over lines'''
[plugins.x.registry.configs]
  "n".auth = { username = "user", password = "s3cret" }
`;
  const shown = maskSecrets(text);
  assert.doesNotMatch(shown, /s3cret|c2VjcmV0|over lines/);
  assert.match(shown, /username = "user"/);
  assert.match(shown, /authorization = "\*\*\*"/);
});

test("a private key is masked in a file that is not TOML", () => {
  const pem =
    "# Owned\n-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nMSECRET=\n-----END PRIVATE KEY-----\n";
  assert.doesNotMatch(maskSecrets(pem), /MSECRET/);
});

test("a unified diff, and words when only a secret changes", () => {
  const before = bytes('password = "a"\n');
  const after = bytes('password = "b"\n');
  assert.match(renderDiff("/x", before, after), /only a secret or the file mode changes/);
  const diff = renderDiff("/x", bytes("a = 1\nb = 2\n"), bytes("a = 1\nb = 3\n"));
  assert.match(diff, /^--- \/x\n\+\+\+ \/x\n@@ -1,2 \+1,2 @@\n a = 1\n-b = 2\n\+b = 3\n$/);
  assert.match(renderDiff("/x", undefined, bytes("a\n")), /^--- \/dev\/null\n\+\+\+ \/x\n/);
});
