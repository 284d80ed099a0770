import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname } from "node:path";
import { observeNodeView } from "../../../src/agent/doctor/observe-node-view.ts";
import { checkConfig } from "../../../src/core/doctor/config/check-config.ts";
import { fateOf } from "../../../src/core/doctor/fate.ts";
import type { FindingCode } from "../../../src/core/doctor/finding.ts";
import { inspectCertificates } from "../../../src/host/certificates.ts";
import { createClock } from "../../../src/host/clock.ts";
import { createFiles } from "../../../src/host/files.ts";
import { forEachGeneration, type Generation, startContainerd } from "../../support/containerd.ts";
import { type ContainerdPaths, defaultConfig } from "../../support/containerd-config.ts";

interface Fault {
  readonly code: FindingCode;
  readonly in: readonly Generation[];
  /** Of the config.toml that is right, and in it the CRI table without its closing bracket. */
  readonly config: (right: string, cri: string, paths: ContainerdPaths) => string;
  /** By path below the directory of config.toml. */
  readonly files?: Readonly<Record<string, string>>;
}

const all: readonly Generation[] = ["1.6", "1.7", "2.1"];
const old: readonly Generation[] = ["1.6", "1.7"];
const configPath = /^ *config_path = .*$/m;

const faults: readonly Fault[] = [
  { code: "config-not-toml", in: all, config: (right) => `${right}[debug\n` },
  {
    code: "config-wrong-type",
    in: all,
    config: (right, _, { certsD }) => right.replace(configPath, `config_path = ["${certsD}"]`),
  },
  {
    code: "config-version-refused",
    in: ["1.7", "2.1"],
    config: (right) => right.replace(/^version = \d/, "version = 4"),
  },
  {
    code: "plugin-name-refused",
    in: all,
    config: (right) => right.replace("disabled_plugins = [", 'disabled_plugins = ["restart", '),
  },
  {
    code: "import-missing",
    in: all,
    config: (right) => right.replace("\n", '\nimports = ["none.toml"]\n'),
  },
  {
    code: "mirrors-beside-config-path",
    in: all,
    config: (right, cri) => `${right}${cri}.registry.mirrors."quay.io"]\nendpoint = ["http://127.0.0.1:9"]\n`,
  },
  {
    code: "tls-beside-config-path",
    in: old,
    config: (right, cri) => `${right}${cri}.registry.configs."quay.io".tls]\ninsecure_skip_verify = true\n`,
  },
  {
    code: "progress-timeout-invalid",
    in: ["1.7", "2.1"],
    config: (right, cri) =>
      right.includes(`${cri}]`)
        ? right.replace(`${cri}]`, `${cri}]\nimage_pull_progress_timeout = "5"`)
        : `${right}${cri}]\nimage_pull_progress_timeout = "5"\n`,
  },
  {
    code: "cri-disabled",
    in: all,
    config: (right) =>
      right.replace("disabled_plugins = [", 'disabled_plugins = ["io.containerd.grpc.v1.cri", '),
  },
  { code: "config-path-unset", in: all, config: (right) => right.replace(configPath, "") },
  {
    code: "config-path-list",
    in: ["2.1"],
    config: (right, _, { certsD }) =>
      right.replace(configPath, `config_path = "${certsD}:/etc/docker/certs.d"`),
  },
  {
    code: "config-path-list-fragile",
    in: ["2.1"],
    config: (right, cri, { certsD }) =>
      right
        .replace(configPath, `config_path = "${certsD}:/etc/docker/certs.d"`)
        .replace(`${cri}]`, `${cri}]\nuse_local_image_pull = true`),
  },
  {
    code: "config-path-elsewhere",
    in: all,
    config: (right, _, { etc }) => right.replace(configPath, `config_path = "${etc}/cert.d"`),
  },
  {
    code: "config-path-no-directory",
    in: all,
    config: (right, _, paths) => right.replace(configPath, `config_path = "${paths.configPath}"`),
  },
  {
    code: "config-path-misplaced",
    in: all,
    config: (right, _, { certsD }) =>
      right
        .replace(configPath, "")
        .replace(
          /(\[\[plugins\."io\.containerd\.transfer)|$/,
          (match) => `[registry]\nconfig_path = "${certsD}"\n${match}`,
        ),
  },
  { code: "config-key-unknown", in: all, config: (right) => right.replace("config_path =", "config-path =") },
  {
    code: "config-section-ignored",
    in: all,
    config: (right, cri) =>
      cri.includes("grpc")
        ? right.replace('grpc.v1.cri".registry', 'cri.v1.images".registry')
        : right.replace('cri.v1.images".registry', 'grpc.v1.cri".registry'),
  },
  {
    code: "import-replaces-cri",
    in: old,
    config: (right) => right.replace("\n", '\nimports = ["a.toml"]\n'),
    files: {
      "a.toml": 'version = 2\n[plugins."io.containerd.grpc.v1.cri".containerd]\nsnapshotter = "native"\n',
    },
  },
  {
    code: "drop-in-not-imported",
    in: all,
    config: (right) => right.replace(configPath, ""),
    files: { "conf.d/a.toml": "" },
  },
];

forEachGeneration("containerd does what doctor says of its config.toml", async (generation, context) => {
  const asked: string[] = [];
  const mirror = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => void mirror.listen(0, "127.0.0.1", resolve));
  context.after(() => mirror.close());
  const daemon = await startContainerd({ generation });
  context.after(() => daemon.stop());
  const right = defaultConfig(generation, daemon);
  const cri =
    generation === "2.1" ? '[plugins."io.containerd.cri.v1.images"' : '[plugins."io.containerd.grpc.v1.cri"';
  const { port } = mirror.address() as AddressInfo;
  write(`${daemon.certsD}/gcr.io/hosts.toml`, `[host."http://127.0.0.1:${port}"]\n`);

  /** Whether containerd starts, whether CRI is there, and whether a pull asks the mirror. */
  const behave = async () => {
    asked.length = 0;
    const starts = await daemon.restart().then(
      () => true,
      () => false,
    );
    if (!starts) return { starts, isAsked: false };
    await daemon.pull("gcr.io/team/app:1", { timeoutMs: 8_000 }).catch(() => undefined);
    return { starts, isAsked: asked.length > 0 };
  };
  const look = () =>
    observeNodeView(
      { files: createFiles(), clock: createClock() },
      { version: daemon.version, configFile: daemon.configPath, certsD: daemon.certsD, inspectCertificates },
    );

  write(daemon.configPath, right);
  assert.deepEqual(checkConfig(await look()), []);
  assert.deepEqual(await behave(), { starts: true, isAsked: true });

  for (const fault of faults.filter(({ in: has }) => has.includes(generation))) {
    write(daemon.configPath, fault.config(right, cri, daemon));
    for (const [path, text] of Object.entries(fault.files ?? {}))
      write(
        `${daemon.etc}/${path}`,
        text === "" ? `${right.split("\n")[0]}\n${cri}.registry]\nconfig_path = "${daemon.certsD}"\n` : text,
      );
    const view = await look();
    const findings = checkConfig(view);
    assert.deepEqual([...new Set(findings.map(({ code }) => code))], [fault.code]);
    const hosts = fateOf("gcr.io", view).byTag?.hosts ?? [];
    const said = {
      starts: view.config.daemon.ok,
      isAsked: view.config.daemon.ok && hosts.some(({ role }) => role === "mirror"),
    };
    assert.deepEqual(await behave(), said, fault.code);
    for (const path of Object.keys(fault.files ?? {})) rmSync(`${daemon.etc}/${path}`);
  }
});

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
