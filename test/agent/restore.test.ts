import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { restore } from "../../src/agent/restore.ts";
import { arbitraryDesiredState, arbitraryHost } from "./arbitrary-node.ts";
import { desired, registry } from "./desired.ts";
import { CERTS_D, CONFIG, createTestNode } from "./test-node.ts";

const M1 = "http://127.0.0.1:5001";

test("restore puts any host back as it was before any desired state", async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryHost(), arbitraryDesiredState(), fc.boolean(), async (host, state, adopt) => {
      const node = createTestNode("1.7.24");
      try {
        host(node);
        const before = withoutStale(node.snapshot());
        await node.pass(state, { adopt });
        node.clock.advance(3_700_000);
        const result = await restore(node.context());
        assert.deepEqual(result.ok, true, JSON.stringify(result));
        assert.deepEqual(withoutEmptyDirectories(node.snapshot()), withoutEmptyDirectories(before));
      } finally {
        node.remove();
      }
    }),
    { numRuns: 40 },
  );
});

test("restore keeps what others changed in config.toml since, and puts back only our keys", async () => {
  const node = createTestNode("1.7.24");
  try {
    node.write(CONFIG, "version = 2\n");
    await node.pass(desired(registry("gcr.io", [M1])));
    node.write(CONFIG, `${node.read(CONFIG)}\n[debug]\n  level = "debug" # mine\n`);
    node.clock.advance(3_700_000);
    const result = await restore(node.context());
    assert.equal(result.ok, true);
    assert.match(node.read(CONFIG) ?? "", /level = "debug" # mine/);
    assert.doesNotMatch(node.read(CONFIG) ?? "", /config_path/);
    assert.equal(node.read(`${CERTS_D}/gcr.io/hosts.toml`), undefined);
  } finally {
    node.remove();
  }
});

/** Leftovers that carry our marker are ours, whoever left them. */
function withoutStale(snapshot: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(snapshot).filter(([path]) => !path.includes("old.io")));
}

/** A directory that had to be made for a file may stay when it is empty, except in certs.d, where it would hide `_default`. */
function withoutEmptyDirectories(
  snapshot: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const hostDirectory = new RegExp(`^${CERTS_D}/.`);
  return Object.fromEntries(
    Object.entries(snapshot).filter(
      ([path, text]) => !text.endsWith("(directory)") || hostDirectory.test(path),
    ),
  );
}
