import { parseContainerdVersion } from "../../../../src/core/containerd/version.ts";
import type { Finding, FindingCode } from "../../../../src/core/doctor/finding.ts";
import { checkProcess } from "../../../../src/core/doctor/process/check-process.ts";
import type { ProcessView } from "../../../../src/core/doctor/process/process-view.ts";
import { CERTS_D, CONFIG, goodConfig, type NodeFiles, viewOf } from "../../../support/doctored-node.ts";

export const STARTED = Date.UTC(2026, 10, 20, 8);
export const GCR = `${CERTS_D}/gcr.io/hosts.toml`;

/** A hosts.toml with one mirror. */
export function hosts(mirror: string, more = ""): string {
  return `[host."${mirror}"]\n  capabilities = ["pull", "resolve"]\n${more}`;
}

/** A node whose gcr.io goes to a mirror. */
export function goodFiles(release: string, mirror = "https://mirror.example:5000"): NodeFiles {
  return { [CONFIG]: goodConfig(release), [GCR]: hosts(mirror) };
}

/** A containerd that read the files as they are, and with which all is well. */
export function goodProcess(release: string): ProcessView {
  const version = parseContainerdVersion(release);
  if (version === undefined) throw new Error(`${release} is no version`);
  return {
    pid: 812,
    socket: "/run/containerd/containerd.sock",
    startedMs: STARTED,
    listeningMs: STARTED + 400,
    version,
    installed: version,
    commandLine: ["/usr/bin/containerd"],
    environment: { PATH: "/usr/bin" },
    uid: 0,
    restart: "systemctl restart containerd.service",
    configTimes: [{ path: CONFIG, modifiedMs: STARTED - 5_000 }],
    trust: { missing: [], hasRoots: true },
    unreadable: [],
    unit: { name: "containerd.service", needsReload: false, environment: {} },
    health: {
      reachable: true,
      criReady: true,
      failedPlugins: [],
      ...(release.startsWith("1.") ? { criConfigPath: CERTS_D } : {}),
    },
    dump: { ok: true, configPath: CERTS_D, mirrors: [] },
  };
}

/** What the checks of this family find on such a node, changed as told. */
export async function findings(
  release: string,
  process: Partial<ProcessView>,
  files: NodeFiles = goodFiles(release),
): Promise<readonly Finding[]> {
  const view = await viewOf(files, release);
  return checkProcess({ ...view, process: { ...goodProcess(release), ...process } });
}

export async function codes(
  release: string,
  process: Partial<ProcessView>,
  files?: NodeFiles,
): Promise<readonly FindingCode[]> {
  return (await findings(release, process, files)).map(({ code }) => code);
}
