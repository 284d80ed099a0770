import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { doctor } from "../../src/cli/doctor.ts";
import { inspectCertificates } from "../../src/host/certificates.ts";
import { createClock } from "../../src/host/clock.ts";
import { createContainerd } from "../../src/host/containerd.ts";
import { createFiles } from "../../src/host/files.ts";
import { createDaemonInspector } from "../../src/host/inspect-daemon.ts";
import { nobody, nobodySkipReason } from "../support/client-as-nobody.ts";
import { CERTS_D, CONFIG, goodConfig } from "../support/doctored-node.ts";

const RELEASE = "1.7.24";

test("2 when a user may not read a hosts.toml, and nothing else is wrong", {
  skip: nobodySkipReason,
}, async (t) => {
  const root = mkdtempSync(join(tmpdir(), "mirrorlet-denied-"));
  t.after(() => rmSync(root, { recursive: true }));
  chmodSync(root, 0o755);
  const path = join(root, CERTS_D, "gcr.io/hosts.toml");
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(join(root, CONFIG), goodConfig(RELEASE));
  writeFileSync(path, '[host."https://mirror.corp"]\n  capabilities = ["pull", "resolve"]\n', {
    mode: 0o600,
  });
  const asRoot = await run(root);
  assert.equal(asRoot.code, 0);
  process.seteuid?.(nobody);
  t.after(() => process.seteuid?.(0));
  const { code, text } = await run(root);
  process.seteuid?.(0);
  assert.equal(code, 2);
  assert.match(
    text,
    /^Not checked:\n {2}\/etc\/containerd\/certs\.d\/gcr\.io\/hosts\.toml: .*run doctor as root$/m,
  );
});

async function run(root: string): Promise<{ readonly code: number; readonly text: string }> {
  let text = "";
  const write = (more: string): void => {
    text += more;
  };
  const socket = "/run/containerd/containerd.sock";
  const code = await doctor(
    { containerdVersion: RELEASE, probe: false, only: [], skip: [], failOn: "error" },
    { stdout: write, stderr: write, color: false, json: false },
    {
      ports: { files: createFiles({ root }), clock: createClock() },
      inspectCertificates,
      place: { socket, configFile: CONFIG, certsD: CERTS_D },
      isChosen: false,
      restart: "true",
      inspector: createDaemonInspector(),
      isCopy: true,
      containerdAt: (at) => createContainerd({ binary: "containerd", socket: at, restart: ["true"] }),
      askFurther: async () => ({ findings: [], notChecked: [] }),
    },
  );
  return { code, text };
}
