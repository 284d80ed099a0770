import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { observeNodeView } from "../../../src/agent/doctor/observe-node-view.ts";
import { HostError } from "../../../src/agent/ports.ts";
import { parseContainerdVersion } from "../../../src/core/containerd/version.ts";
import { diagnose } from "../../../src/core/doctor/diagnose.ts";
import { inspectCertificates } from "../../../src/host/certificates.ts";
import { createClock } from "../../../src/host/clock.ts";
import { createFiles } from "../../../src/host/files.ts";
import { nobody, nobodySkipReason } from "../../support/client-as-nobody.ts";
import { CERTS_D, CONFIG, goodConfig } from "../../support/doctored-node.ts";
import { createCa } from "../../support/tls.ts";

const RELEASE = "2.1.9";
const CONF_D = "/etc/containerd/conf.d";
const HOSTS = `[host."https://mirror.corp"]\n  capabilities = ["pull", "resolve"]\n  ca = "ca.pem"\n`;
const OUTSIDE = HOSTS.replace("ca.pem", "/etc/pki/ca.pem");

let root: string;

before(async () => {
  root = mkdtempSync(join(tmpdir(), "mirrorlet-denied-"));
  const { cert } = await createCa();
  const files = {
    [CONFIG]: `imports = ["${CONF_D}/*.toml"]\n${goodConfig(RELEASE)}`.replace(/(.*\n)(version.*\n)/, "$2$1"),
    [`${CONF_D}/a.toml`]: "",
    [`${CERTS_D}/gcr.io/hosts.toml`]: HOSTS,
    [`${CERTS_D}/gcr.io/ca.pem`]: cert,
    [`${CERTS_D}/quay.io/hosts.toml`]: OUTSIDE,
    "/etc/pki/ca.pem": cert,
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  chmodSync(root, 0o755);
});

after(() => rmSync(root, { recursive: true }));

/** As a user who owns nothing. */
async function lookAsNobody(): Promise<{ denied: readonly string[]; codes: readonly string[] }> {
  const version = parseContainerdVersion(RELEASE);
  assert.ok(version);
  process.seteuid?.(nobody);
  try {
    const ports = { files: createFiles({ root }), clock: createClock() };
    const view = await observeNodeView(ports, {
      version,
      configFile: CONFIG,
      certsD: CERTS_D,
      inspectCertificates,
    });
    return { denied: view.denied, codes: diagnose(view).map(({ code }) => code) };
  } finally {
    process.seteuid?.(0);
  }
}

async function withMode<T>(path: string, mode: number, act: () => Promise<T>): Promise<T> {
  chownSync(join(root, path), 0, 0);
  chmodSync(join(root, path), mode);
  try {
    return await act();
  } finally {
    chmodSync(join(root, path), 0o755);
  }
}

test("what only root may read is not wrong for that", { skip: nobodySkipReason }, async () => {
  assert.deepEqual(await lookAsNobody(), { denied: [], codes: [] });
  const paths = [
    `${CERTS_D}/gcr.io/hosts.toml`,
    `${CERTS_D}/gcr.io/ca.pem`,
    `${CERTS_D}/gcr.io`,
    "/etc/pki/ca.pem",
  ];
  for (const path of paths)
    assert.deepEqual(await withMode(path, 0o600, lookAsNobody), { denied: [path], codes: [] }, path);
});

test("without one of containerd's own files nothing can be known", { skip: nobodySkipReason }, async () => {
  for (const path of [CONFIG, `${CONF_D}/a.toml`, CERTS_D])
    await assert.rejects(withMode(path, 0o600, lookAsNobody), HostError, path);
});
