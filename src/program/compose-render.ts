import { resolve } from "node:path";
import { loadDesiredState } from "../agent/load-desired-state.ts";
import { HostError, type Ports } from "../agent/ports.ts";
import type { RenderDeps } from "../cli/render.ts";
import { formatIssue } from "../core/issue.ts";
import { readDesiredStateSources } from "../edge/read-desired-state-sources.ts";
import { readInputFile } from "../edge/read-input-file.ts";
import { inspectCertificates } from "../host/certificates.ts";
import { createFiles } from "../host/files.ts";
import type { NodeSetup } from "./compose-node.ts";
import { lookAtSources } from "./compose-validate.ts";
import { readTrust } from "./read-trust.ts";

/** Rendering into a directory of the user's changes nothing on the node, so files of any owner are read. */
export function renderDeps({ config, root }: NodeSetup, ports: Ports): RenderDeps {
  return {
    config,
    sha256: ports.sha256,
    installedVersion: () => ports.containerd.version(),
    readFile: (path) => readUserFile(path, root),
    openOutput: (directory) => createFiles({ root: resolve(directory) }),
    async load(sources, containerdVersion) {
      const read = await readDesiredStateSources(sources, { root, trust: "anyone" });
      if (!read.ok) return { issues: read.issues };
      const trusted = await readTrust(config, root);
      if (!trusted.ok) return { issues: trusted.issues };
      const { files, clock } = ports;
      const accepted = lookAtSources(read.files, trusted.expected, clock.now());
      if (!accepted.ok) return { issues: accepted.issues };
      const { secretsDir, pullSecret } = config;
      const certificates = inspectCertificates;
      const { state, issues } = await loadDesiredState(accepted.files, {
        files,
        clock,
        certificates,
        secretsDir,
        pullSecret,
        containerdVersion,
      });
      return { state, issues: [...accepted.issues, ...issues] };
    },
  };
}

const maxBytes = 16 * 2 ** 20;

async function readUserFile(path: string, root: string): Promise<Uint8Array | undefined> {
  const options = { root: path.startsWith("/") ? root : "", trust: "anyone", maxBytes } as const;
  const read = await readInputFile(resolve(path), options);
  if (read.ok) return read.bytes;
  if (read.issue.code === "file-missing") return undefined;
  throw new HostError(read.issue.code, path, formatIssue(read.issue), { retryable: false });
}
