import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { observeNodeView } from "../../src/agent/doctor/observe-node-view.ts";
import { parseContainerdVersion } from "../../src/core/containerd/version.ts";
import { diagnose } from "../../src/core/doctor/diagnose.ts";
import type { Finding, FindingCode } from "../../src/core/doctor/finding.ts";
import type { NodeView } from "../../src/core/doctor/node-view.ts";
import { inspectCertificates } from "../../src/host/certificates.ts";
import { createClock } from "../../src/host/clock.ts";
import { createFiles } from "../../src/host/files.ts";

export const CONFIG = "/etc/containerd/config.toml";
export const CERTS_D = "/etc/containerd/certs.d";

/** Content by path; `{ link }` is a symbolic link, undefined an empty directory. Files have mode 0644 unless told. */
export type NodeFiles = Readonly<
  Record<
    string,
    string | { readonly link: string } | { readonly text: string; readonly mode: number } | undefined
  >
>;

/** Where a node has its configuration. */
export interface NodePlaces {
  readonly configFile: string;
  readonly certsD: string;
}

const USUAL_PLACES: NodePlaces = { configFile: CONFIG, certsD: CERTS_D };

/** The releases that every static finding is tried on: measured ones, and ones known from their source. */
export const RELEASES = ["1.6.20", "1.7.24", "2.1.9", "2.2.7", "2.3.4"] as const;

/** A config.toml that is right for the release and reads `certsD`. */
export function goodConfig(release: string, configPath = CERTS_D): string {
  const [schema, plugin] = release.startsWith("1.")
    ? [2, "io.containerd.grpc.v1.cri"]
    : [3, "io.containerd.cri.v1.images"];
  return `version = ${schema}\n[plugins."${plugin}".registry]\n  config_path = "${configPath}"\n`;
}

/** What doctor sees of a node with these files. `more` is laid over it: a process, namespaces in use, a time. */
export async function viewOf(
  files: NodeFiles,
  release: string,
  more: Partial<NodeView> = {},
  places: NodePlaces = USUAL_PLACES,
): Promise<NodeView> {
  const version = parseContainerdVersion(release);
  if (version === undefined) throw new Error(`${release} is no version`);
  const root = mkdtempSync(join(tmpdir(), "mirrorlet-doctor-"));
  try {
    for (const [path, content] of Object.entries(files)) put(join(root, path), content);
    const ports = { files: createFiles({ root }), clock: createClock() };
    const view = await observeNodeView(ports, { version, ...places, inspectCertificates });
    return { ...view, ...more };
  } finally {
    rmSync(root, { recursive: true });
  }
}

export async function findingsOf(
  files: NodeFiles,
  release: string,
  more: Partial<NodeView> = {},
  places: NodePlaces = USUAL_PLACES,
): Promise<readonly Finding[]> {
  return diagnose(await viewOf(files, release, more, places));
}

export async function codesOf(
  files: NodeFiles,
  release: string,
  more: Partial<NodeView> = {},
  places: NodePlaces = USUAL_PLACES,
): Promise<readonly FindingCode[]> {
  return [...new Set((await findingsOf(files, release, more, places)).map(({ code }) => code))].sort();
}

function put(path: string, content: NodeFiles[string]): void {
  mkdirSync(content === undefined ? path : dirname(path), { recursive: true });
  if (content === undefined) return;
  if (typeof content === "string") writeFileSync(path, content);
  else if ("link" in content) symlinkSync(content.link, path);
  else writeFileSync(path, content.text, { mode: content.mode });
}
