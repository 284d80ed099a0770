import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ContainerdVersion } from "../../src/core/containerd/version.ts";
import { createContainerd } from "../../src/host/containerd.ts";
import { forEachGeneration, type LabContainerd, startContainerd } from "../support/containerd.ts";
import { buildImage } from "../support/image.ts";
import { startScriptedRegistry } from "../support/scripted-registry.ts";
import { undo } from "./scratch.ts";

const never = new AbortController().signal;

function adapterOf(lab: LabContainerd) {
  return createContainerd({ binary: lab.binary, socket: lab.socket, restart: lab.restartCommand });
}

forEachGeneration(
  "a daemon is asked, restarted, broken and told apart from before",
  async (generation, t) => {
    const lab = await startContainerd({ generation });
    t.after(() => lab.stop());
    const containerd = adapterOf(lab);

    const version = await containerd.version();
    assert.equal(version?.text.slice(0, 3), generation);
    const health = await containerd.health(never);
    assert.deepEqual(
      { ...health, criConfigPath: undefined, version: undefined },
      { reachable: true, criReady: true, failedPlugins: [], criConfigPath: undefined, version: undefined },
    );
    const release = ({ major, minor, patch }: ContainerdVersion) => ({ major, minor, patch });
    assert.ok(version !== undefined && health.version !== undefined);
    assert.deepEqual(release(health.version), release(version));
    assert.equal(health.criConfigPath, generation === "2.1" ? undefined : lab.certsD);

    const before = await containerd.instance();
    assert.ok(before !== undefined);
    assert.equal(await containerd.instance(), before);
    assert.deepEqual(await containerd.restart(never), { ok: true });
    assert.notEqual(await containerd.instance(), before);

    const table = generation === "2.1" ? "io.containerd.cri.v1.images" : "io.containerd.grpc.v1.cri";
    const conflict = `[plugins."${table}".registry.mirrors."gcr.io"]\n  endpoint = ["http://127.0.0.1:9"]\n`;
    const good = readFileSync(lab.configPath, "utf8");
    writeFileSync(lab.configPath, `${good}\n${conflict}`);
    assert.deepEqual(await containerd.restart(never), { ok: true });
    const broken = await containerd.health(never);
    assert.equal(broken.reachable, true);
    assert.equal(broken.criReady, false);
    assert.match(
      broken.failedPlugins[0]?.message ?? "",
      /`mirrors` cannot be set when `config_path` is provided/,
    );
    assert.ok(
      broken.failedPlugins[0]?.id.startsWith(
        generation === "2.1" ? "io.containerd.cri.v1.images" : "io.containerd.grpc.v1.cri",
      ),
    );

    writeFileSync(lab.configPath, "version = 2\nroot = [");
    const refused = await containerd.restart(never);
    assert.ok(!refused.ok);
    assert.match(refused.message, /toml/i);
    const gone = await containerd.health(never);
    assert.equal(gone.reachable, false);
    assert.ok(gone.message !== undefined);
    assert.deepEqual(await containerd.pullImage("gcr.io/a:b", 2_000, never).then((pull) => pull.ok), false);
  },
);

forEachGeneration(
  "config dump gives the effective configuration, or containerd's own objection",
  async (generation, t) => {
    const lab = await startContainerd({ generation });
    t.after(() => lab.stop());
    const containerd = adapterOf(lab);
    const dump = await containerd.dumpConfig(lab.configPath);
    assert.ok(dump.ok);
    assert.ok(dump.toml.includes(lab.certsD));

    const candidate = join(lab.etc, "candidate.toml");
    writeFileSync(candidate, "version = 2\nroot = [");
    const refused = await containerd.dumpConfig(candidate);
    assert.ok(!refused.ok);
    assert.match(refused.message, /toml/i);

    const absent = await containerd.dumpConfig(join(lab.etc, "absent.toml"));
    assert.deepEqual(absent, { ok: false, message: `${join(lab.etc, "absent.toml")} does not exist` });

    if (generation !== "2.1") return;
    writeFileSync(candidate, 'version = 3\n[plugins."io.containerd.cri.v1.images"]\n  no_such_key = 1\n');
    const warned = await containerd.dumpConfig(candidate);
    assert.ok(warned.ok);
    assert.match(warned.warnings.join("\n"), /no_such_key/);
  },
);

forEachGeneration(
  "a pull gives the image, and one that fails says why in containerd's words",
  async (generation, t) => {
    const registry = await startScriptedRegistry({});
    t.after(() => registry.stop());
    const lab = await startContainerd({ generation });
    undo(t, () => lab.stop());
    registry.put("pause", "1", buildImage());
    const containerd = adapterOf(lab);
    const pulled = await containerd.pullImage(`${registry.host}/pause:1`, 20_000, never);
    assert.ok(pulled.ok, JSON.stringify(pulled));
    assert.match(pulled.imageRef, /sha256:/);
    const pull = await containerd.pullImage(`${registry.host}/none:1`, 20_000, never);
    assert.ok(!pull.ok);
    assert.match(pull.message, /none:1/);
  },
);
