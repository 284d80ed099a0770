import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { NO_MIRRORS, observeMirrors } from "../../src/agent/observe-mirrors.ts";
import { parseContainerdVersion } from "../../src/core/containerd/version.ts";
import { createClock } from "../../src/host/clock.ts";
import { createFiles } from "../../src/host/files.ts";
import { sha256 } from "../../src/host/sha256.ts";

const CONFIG = "/etc/containerd/config.toml";

test("a look keeps nothing of the looks before it, however many there were", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "mirrorlet-looks-"));
  t.after(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, "etc/containerd/certs.d/gcr.io"), { recursive: true });
  writeFileSync(
    join(root, CONFIG),
    `version = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\nconfig_path = "/etc/containerd/certs.d"\n`,
  );
  const deps = { files: createFiles({ root }), configPath: CONFIG, sha256, clock: createClock() };
  const version = parseContainerdVersion("2.1.9");
  assert.ok(version);
  const looks: WeakRef<object>[] = [];
  let known = NO_MIRRORS;
  for (let port = 5000; port < 5005; port++) {
    writeFileSync(
      join(root, "etc/containerd/certs.d/gcr.io/hosts.toml"),
      `server = "https://gcr.io"\n[host."https://mirror.example:${port}"]\n`,
    );
    const registries = [{ namespace: "gcr.io", mirrors: [], upstream: "allow" as const }];
    known = await observeMirrors(registries, version, known, deps);
    assert.equal(known.hosts[0]?.host, `mirror.example:${port}`);
    looks.push(new WeakRef(known));
  }
  // What a WeakRef was made of or gave out stays until the turn of the loop is over.
  await nextTurn();
  collectGarbage();
  const kept = looks.map((look) => look.deref() !== undefined);
  assert.deepEqual(kept, [false, false, false, false, true]);
  assert.equal(known.hosts.length, 1);
});

function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}
