import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createSystemRoots } from "../../src/registry/system-roots.ts";

const block = (name: string): string => `-----BEGIN CERTIFICATE-----\n${name}\n-----END CERTIFICATE-----`;

test("the first bundle that is there, and every directory, each certificate once", (t) => {
  const root = mkdtempSync(join(tmpdir(), "mirrorlet-roots-"));
  t.after(() => rmSync(root, { recursive: true }));
  const write = (path: string, text: string): void => {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  const roots = createSystemRoots({}, root);
  assert.deepEqual(roots(), []);
  write("/etc/pki/tls/certs/ca-bundle.crt", `# comment\n${block("aaaa")}\n${block("bbbb")}\n`);
  write("/etc/ssl/cert.pem", block("never"));
  write("/etc/ssl/certs/corp.pem", `${block("bbbb")}\r\n${block("cccc")}`);
  write("/etc/ssl/certs/README", "nothing");
  symlinkSync("/nowhere", join(root, "/etc/ssl/certs/dangling.pem"));
  assert.deepEqual(roots(), [block("aaaa"), block("bbbb"), block("cccc")]);
  const variables = { SSL_CERT_FILE: "/etc/ssl/cert.pem", SSL_CERT_DIR: "/absent:/etc/ssl/certs" };
  assert.deepEqual(createSystemRoots(variables, root)(), [block("never"), block("bbbb"), block("cccc")]);
});
