import assert from "node:assert/strict";
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { test } from "node:test";
import { parseAgentConfig } from "../../src/core/agent-config/parse-agent-config.ts";
import { createFiles } from "../../src/host/files.ts";
import { CERTS_D, createTestNode } from "./test-node.ts";

for (const spelling of [`${CERTS_D}/`, "/etc//containerd/certs.d", "/etc/./containerd/certs.d/."])
  test(`nothing is written through a link planted in certs_d = "${spelling}"`, async () => {
    const node = createTestNode();
    try {
      mkdirSync(`${node.root}${CERTS_D}`, { recursive: true });
      mkdirSync(`${node.root}/elsewhere`);
      symlinkSync("/elsewhere", `${node.root}${CERTS_D}/gcr.io`);
      const flags = [`containerd.certs_d=${spelling}`];
      const parsed = parseAgentConfig({ env: {}, flags });
      assert.ok(parsed.ok);
      const files = createFiles({ root: node.root, confined: [parsed.config.containerd.certsD] });
      // As a pass with another spelling of certs_d recorded it.
      const path = `${CERTS_D}/gcr.io/hosts.toml`;
      const write = files.write([{ path, bytes: new Uint8Array([0x23]), mode: 0o600, secret: true }]);
      await assert.rejects(write, /symbolic link/);
      assert.equal(existsSync(`${node.root}/elsewhere/hosts.toml`), false);
    } finally {
      node.remove();
    }
  });
