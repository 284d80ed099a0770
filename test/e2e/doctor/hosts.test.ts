import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { observeNodeView } from "../../../src/agent/doctor/observe-node-view.ts";
import { diagnose } from "../../../src/core/doctor/diagnose.ts";
import { inspectCertificates } from "../../../src/host/certificates.ts";
import { createClock } from "../../../src/host/clock.ts";
import { createFiles } from "../../../src/host/files.ts";
import { forEachGeneration, type LabContainerd, startContainerd } from "../../support/containerd.ts";
import { pushImage } from "../../support/push-image.ts";
import { startRegistry } from "../../support/registry.ts";
import { createCa } from "../../support/tls.ts";

interface Case {
  readonly code: string;
  /** Files below certs.d. `MIRROR` stands for the mirror's URL, `HOST` for its host and port. */
  readonly files: Readonly<Record<string, string | undefined>>;
  /** What a pull of gcr.io/team/app:1.0 does; the upstream cannot be reached. */
  readonly asks: "mirror" | "not-the-mirror";
  /** Whether it gets the image from the mirror. */
  readonly served: boolean;
}

const GOOD = '[host."MIRROR"]\n';

const cases = (tls: Readonly<Record<string, string>>): readonly Case[] => [
  ...misses("hosts-file-capability", { "gcr.io/hosts.toml": `${GOOD}capabilities = ["pull", "resolv"]\n` }),
  ...misses("hosts-file-empty", { "gcr.io/hosts.toml": "" }),
  ...misses("hosts-file-name", { "gcr.io/host.toml": GOOD }),
  ...misses("ignored-key", { "gcr.io/hosts.toml": '[host]\n[hosts."MIRROR"]\n' }),
  ...misses("host-never-reached", { "gcr.io/hosts.toml": '[host."HTTP://HOST"]\n' }),
  ...misses("directory-name", { "gcr.io_443_/hosts.toml": GOOD }),
  ...misses("directory-is-file", { "gcr.io": GOOD }),
  ...misses("directory-too-deep", { "gcr.io/team/hosts.toml": GOOD }),
  ...misses("directory-hides-default", { "_default/hosts.toml": GOOD, "gcr.io": undefined }),
  ...misses("hosts-file-misplaced", { "hosts.toml": GOOD }),
  ...misses("header-invalid", { "gcr.io/hosts.toml": `${GOOD}[host."MIRROR".header]\nx-node = "a\\n"\n` }),
  ...misses("header-invalid", { "gcr.io/hosts.toml": `${GOOD}[host."MIRROR".header]\n"x node" = "a"\n` }),
  ...misses("no-resolving-host", {
    "gcr.io/hosts.toml": 'server = "MIRROR"\ncapabilities = ["pull"]\n[host]\n',
  }),
  ...misses("client-file-unusable", {
    "gcr.io/hosts.toml": `${GOOD}[host."https://other.invalid"]\nclient = [["c.crt", "c.key"]]\n`,
    ...tls,
  }),
  {
    code: "api-path-twice",
    files: { "gcr.io/hosts.toml": '[host."MIRROR/v2/hub"]\n' },
    asks: "mirror",
    served: false,
  },
  {
    code: "url-part-dropped",
    files: { "gcr.io/hosts.toml": '[host."http://me:word@HOST"]\n' },
    asks: "mirror",
    served: true,
  },
];

function misses(code: string, files: Case["files"]): readonly Case[] {
  return [{ code, files, asks: "not-the-mirror", served: false }];
}

forEachGeneration("containerd does what doctor says of certs.d", async (generation, context) => {
  const [daemon, registry, ca] = await Promise.all([
    startContainerd({ generation }),
    startRegistry(),
    createCa(),
  ]);
  context.after(() => Promise.all([daemon.stop(), registry.stop()]));
  await pushImage(registry, "team/app", "1.0");
  const [client, other] = await Promise.all([ca.issueClient("node"), ca.issueClient("other")]);

  for (const { code, files, asks, served } of cases({
    "gcr.io/c.crt": client.cert,
    "gcr.io/c.key": other.key,
  })) {
    await writeTree(daemon, files, registry.host);
    const findings = await diagnoseNode(daemon);
    const story = `${code} ${JSON.stringify(findings)}`;
    assert.ok(
      findings.some((finding) => finding.code === code),
      story,
    );
    registry.clearRequests();
    const pulled = await daemon.pull("gcr.io/team/app:1.0", { timeoutMs: 20_000 });
    assert.equal(pulled.ok, served, story);
    assert.equal(registry.requests().length > 0 ? "mirror" : "not-the-mirror", asks, story);
    if (pulled.ok) await daemon.removeImage("gcr.io/team/app:1.0");
  }

  await writeTree(daemon, { "gcr.io/hosts.toml": GOOD }, registry.host);
  assert.deepEqual(await diagnoseNode(daemon), []);
  assert.equal((await daemon.pull("gcr.io/team/app:1.0")).ok, true);
});

async function writeTree({ certsD }: LabContainerd, files: Case["files"], host: string): Promise<void> {
  await rm(certsD, { recursive: true });
  await mkdir(certsD);
  for (const [path, content] of Object.entries(files)) {
    const whole = join(certsD, path);
    await mkdir(content === undefined ? whole : join(whole, ".."), { recursive: true });
    const text = content?.replaceAll("MIRROR", `http://${host}`).replaceAll("HOST", host);
    if (text !== undefined) await writeFile(whole, text);
  }
}

async function diagnoseNode({ version, configPath, certsD }: LabContainerd) {
  const ports = { files: createFiles(), clock: createClock() };
  const options = { version, configFile: configPath, certsD, inspectCertificates };
  return diagnose(await observeNodeView(ports, options));
}
