import { CONFIG_FINDINGS } from "../../../../../src/core/doctor/config/config-findings.ts";
import type { Finding } from "../../../../../src/core/doctor/finding.ts";
import { CERTS_D, CONFIG, findingsOf, type NodeFiles } from "../../../../support/doctored-node.ts";

export const GCR = `${CERTS_D}/gcr.io/hosts.toml`;

export const MIRROR =
  'server = "https://gcr.io"\n\n[host."https://mirror.example"]\n  capabilities = ["pull", "resolve"]\n';

/** The CRI table that is right for the release, as the beginning of a header. */
export function cri(release: string): string {
  return release.startsWith("1.")
    ? '[plugins."io.containerd.grpc.v1.cri"'
    : '[plugins."io.containerd.cri.v1.images"';
}

/** `version = …` and what follows. */
export function config(release: string, body: string): string {
  return `version = ${release.startsWith("1.") ? 2 : 3}\n${body}`;
}

/** A registry table, and what stands in it. */
export function registry(release: string, body: string): string {
  return config(release, `${cri(release)}.registry]\n${body}`);
}

export async function findingsOfConfig(files: NodeFiles, release: string): Promise<readonly Finding[]> {
  const findings = await findingsOf(files, release);
  return findings.filter(({ code }) => Object.hasOwn(CONFIG_FINDINGS, code));
}

/** `error config-path-unset config.toml:3` for each finding of this family. */
export async function told(files: NodeFiles | string, release: string): Promise<readonly string[]> {
  const findings = await findingsOfConfig(typeof files === "string" ? { [CONFIG]: files } : files, release);
  return findings.map(({ severity, code, where }) => {
    const at = where.kind === "file" ? `${where.at.file.split("/").at(-1)}:${where.at.line}` : where.kind;
    return `${severity} ${code} ${at}`;
  });
}
