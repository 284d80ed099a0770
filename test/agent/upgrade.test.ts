import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { type ApplyRecord, EMPTY_RECORD, encodeApplyRecord } from "../../src/agent/apply-record.ts";
import { CONFIG, createTestNode } from "./test-node.ts";

const OLD = "version = 2\n";
const NEW = 'version = 2\n[plugins."io.containerd.cri.v1.images".registry]\nconfig_path = "/elsewhere"\n';

const sha256 = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");

for (const phase of ["armed", "restarting", "rolling-back"] as const)
  test(`a change that an agent from before traces left ${phase} can still be rolled back`, async (context) => {
    const node = createTestNode("2.1.9");
    context.after(() => node.remove());
    node.write(CONFIG, NEW);
    const { stateDir } = node.config;
    node.write(`${stateDir}/rollback/config.toml`, OLD);
    const pendingRestart = {
      phase,
      reason: "config.toml changed",
      configPath: CONFIG,
      beforeDigest: sha256(OLD),
      beforeMode: 0o644,
      afterDigest: sha256(NEW),
      instance: "0",
      digest: "of another state",
      generation: 1,
      canariesBefore: [],
      migrated: [],
      migratedBefore: [],
    };
    const record = { ...EMPTY_RECORD, pendingRestart } as unknown as ApplyRecord;
    node.write(`${stateDir}/apply-record.json`, new TextDecoder().decode(encodeApplyRecord(record, sha256)));
    node.containerd.refuseStart = "invalid plugin config";

    const { conditions } = await node.pass("no desired state");

    assert.equal(node.read(CONFIG), OLD, JSON.stringify(conditions));
  });
