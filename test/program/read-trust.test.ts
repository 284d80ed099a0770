import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { AgentConfig } from "../../src/core/agent-config/agent-config.ts";
import { parseAgentConfig } from "../../src/core/agent-config/parse-agent-config.ts";
import { formatInlineKey } from "../../src/core/signing/trusted-keys.ts";
import { readTrust } from "../../src/program/read-trust.ts";
import { readRootsDesiredState } from "../../src/program/roots-desired-state.ts";
import { DAY, signDocument, signedState, testKey } from "../core/signing/sign.ts";

const [anna, ben, eve] = [testKey(1), testKey(2), testKey(66)];
const KEYS = "/etc/mirrorlet/trusted.pub";
const STATE = "/etc/mirrorlet/desired-state.yaml";
const pem = (key: typeof anna): string =>
  createPublicKey(key.secret).export({ format: "pem", type: "spki" }) as string;

interface Node {
  readonly root: string;
  put(path: string, content: string | Uint8Array, mode?: number): void;
  config(...flags: readonly string[]): AgentConfig;
}

function node(t: TestContext): Node {
  const root = mkdtempSync(join(tmpdir(), "mirrorlet-trust-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(join(root, "etc/mirrorlet"), { recursive: true });
  return {
    root,
    put(path, content, mode = 0o644) {
      writeFileSync(join(root, path), content);
      chmodSync(join(root, path), mode);
    },
    config(...flags) {
      const parsed = parseAgentConfig({ env: {}, flags: ["node.fleet=prod", ...flags] });
      assert.ok(parsed.ok, JSON.stringify(parsed));
      return parsed.config;
    },
  };
}

test("keys of files and inline ones together, each once; an id that is not given is the host name", async (t) => {
  const { root, put, config } = node(t);
  put(KEYS, pem(anna) + pem(ben));
  const inline = formatInlineKey(anna.raw);
  const trusted = await readTrust(config(`trust.keys=${KEYS} ${inline}`, "trust.threshold=2"), root);
  assert.ok(trusted.ok);
  const { trust, node: self } = trusted.expected;
  assert.deepEqual(
    trust?.keys.map(({ keyId }) => keyId),
    [anna.keyId, ben.keyId],
  );
  assert.deepEqual(self, { id: hostname(), fleet: "prod", channel: "stable", labels: {} });
  const none = await readTrust(config("node.id=n1"), root);
  assert.ok(none.ok && none.expected.trust === undefined && none.expected.node.id === "n1");
});

test("keys that cannot be used let nothing in", async (t) => {
  const { root, put, config } = node(t);
  const refused = async (expected: RegExp, ...flags: readonly string[]) => {
    const trusted = await readTrust(config(`trust.keys=${KEYS}`, ...flags), root);
    assert.ok(!trusted.ok);
    assert.deepEqual(
      trusted.issues.map(({ code }) => code),
      ["trust-keys"],
    );
    assert.match(trusted.issues[0]?.message ?? "", expected);
  };
  await refused(/there is no .*trusted\.pub/);
  put(KEYS, pem(anna), 0o666);
  await refused(/written by users other than its owner/);
  put(KEYS, pem(anna));
  await refused(/1 different key, and trust\.threshold asks for 2/, "trust.threshold=2");
  put(KEYS, pem(anna) + pem(anna));
  await refused(/1 different key/, "trust.threshold=2");
  put(KEYS, anna.secret.export({ format: "pem", type: "pkcs8" }) as string);
  await refused(/private key, which belongs on no node/);
  put(KEYS, "x".repeat(70_000));
  await refused(/rejected whole/);
  if (process.getuid?.() !== 0) return;
  put(KEYS, pem(anna));
  chownSync(join(root, KEYS), 12345, 0);
  await refused(/belongs to user 12345/);
});

test("root's helper goes by what a desired state names only where it is signed", async (t) => {
  const { root, put, config } = node(t);
  const text =
    "registryMirrors:\n- endpoint: https://m.example\n  hosts: [quay.io]\n  caCertPath: /etc/pki/ca.crt\n";
  put(KEYS, pem(anna));
  const needs = async (...flags: readonly string[]) => {
    const roots = await readRootsDesiredState(config(...flags), root);
    assert.equal(roots?.files.length, 1, "the agent gets it, to say what is wrong");
    return roots.parsed.needs.map(({ path }) => path);
  };
  const keys = `trust.keys=${KEYS}`;
  // Over and early: what is in force stays so, and the helper has no part in that.
  const state = signedState({ desiredState: text, expiresMs: DAY });
  put(STATE, signDocument(state, [anna]));
  assert.deepEqual(await needs(keys), ["/etc/pki/ca.crt"]);
  assert.deepEqual(await needs(), [], "nobody checks");
  put(STATE, signDocument(state, [eve]));
  assert.deepEqual(await needs(keys), []);
  put(STATE, signDocument({ ...state, fleet: "test" }, [anna]));
  assert.deepEqual(await needs(keys), []);
  put(STATE, text);
  assert.deepEqual(await needs(keys), []);
  assert.deepEqual(await needs(keys, "trust.unsigned_files=true"), ["/etc/pki/ca.crt"]);
  assert.deepEqual(await needs(), ["/etc/pki/ca.crt"]);
});
