import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { lookAtNode } from "../../../src/agent/doctor/look-at-node.ts";
import { diagnose } from "../../../src/core/doctor/diagnose.ts";
import { inspectCertificates } from "../../../src/host/certificates.ts";
import { createClock } from "../../../src/host/clock.ts";
import { createContainerd } from "../../../src/host/containerd.ts";
import { createFiles } from "../../../src/host/files.ts";
import { createDaemonInspector } from "../../../src/host/inspect-daemon.ts";
import { type ContainerdOptions, forEachGeneration, startContainerd } from "../../support/containerd.ts";
import { buildImage } from "../../support/image.ts";
import { startScriptedRegistry } from "../../support/scripted-registry.ts";

/** A daemon whose gcr.io has a mirror, and what doctor says of it. */
async function doctored(t: TestContext, options: ContainerdOptions, mirror = "http://127.0.0.1:9") {
  const lab = await startContainerd(options);
  t.after(() => lab.stop());
  mkdirSync(join(lab.certsD, "gcr.io"));
  writeFileSync(
    join(lab.certsD, "gcr.io/hosts.toml"),
    `[host."${mirror}"]\n  capabilities = ["pull", "resolve"]\n`,
  );
  const { binary, socket, certsD, configPath, restartCommand } = lab;
  const look = async () => {
    const seen = await lookAtNode(
      { probe: true },
      {
        inspectCertificates,
        ports: { files: createFiles(), clock: createClock() },
        place: { socket, configFile: configPath, certsD },
        isChosen: true,
        restart: restartCommand.join(" "),
        inspector: createDaemonInspector(),
        isCopy: false,
        containerdAt: (at, program = binary) =>
          createContainerd({ binary: program, socket: at, restart: restartCommand }),
      },
    );
    assert.ok(seen.ok);
    return seen;
  };
  const codes = async () => diagnose((await look()).view).map(({ code, severity }) => `${severity} ${code}`);
  return { lab, look, codes };
}

forEachGeneration(
  "a daemon that has read its files is clean, and all of it was looked at",
  async (generation, t) => {
    const { lab, look } = await doctored(t, { generation });
    const { view, notChecked } = await look();
    assert.deepEqual(diagnose(view), []);
    assert.deepEqual(notChecked, []);
    const { process } = view;
    assert.equal(process?.pid, await lab.pid());
    assert.deepEqual(
      [process?.version?.patch, process?.installed?.patch],
      [lab.version.patch, lab.version.patch],
    );
    assert.deepEqual(process?.dump, { ok: true, configPath: lab.certsD, mirrors: [] });
    assert.deepEqual(view.namespacesInUse, []);
  },
);

forEachGeneration("an edit that was not followed by a restart, until there is one", async (generation, t) => {
  const { lab, codes } = await doctored(t, { generation });
  const text = readFileSync(lab.configPath, "utf8");
  writeFileSync(lab.configPath, text.replace(lab.certsD, join(lab.etc, "elsewhere")));
  const expected = generation === "2.1" ? "warning" : "error";
  assert.ok((await codes()).includes(`${expected} config-newer-than-daemon`));
  await lab.restart();
  assert.ok(!(await codes()).some((code) => code.endsWith("config-newer-than-daemon")));
});

forEachGeneration(
  "a mirror behind the daemon's own proxy is not asked, as the finding says",
  async (generation, t) => {
    const mirror = await startScriptedRegistry({});
    t.after(() => mirror.stop());
    const address = `http://mirrorlet-lab:${new URL(mirror.url).port}`;
    const { lab, codes } = await doctored(t, { generation }, address);
    assert.ok((await codes()).includes("warning mirror-through-proxy"));
    const pulled = await lab.pull("gcr.io/a/b:1");
    assert.equal(pulled.ok, false);
    // The lab's proxy refuses everybody: it was asked in place of a host that nobody can look up.
    assert.match(await lab.log(), /proxyconnect|127\.0\.0\.1:9/);
  },
);

forEachGeneration("images on the node are known by their registries", async (generation, t) => {
  const mirror = await startScriptedRegistry({});
  t.after(() => mirror.stop());
  mirror.put("a/b", "1", buildImage());
  const { lab, look } = await doctored(t, { generation }, mirror.url);
  assert.equal((await lab.pull("gcr.io/a/b:1")).ok, true);
  assert.deepEqual((await look()).view.namespacesInUse, ["gcr.io"]);
});

forEachGeneration(
  "a configuration the next start will refuse, while the daemon goes on",
  async (generation, t) => {
    const { lab, codes } = await doctored(t, { generation });
    const text = readFileSync(lab.configPath, "utf8");
    writeFileSync(lab.configPath, text.replace("[grpc]", '[grpc]\n  max_recv_message_size = "a"'));
    assert.ok((await codes()).includes("error config-read-otherwise"));
    await assert.rejects(lab.restart());
  },
);
