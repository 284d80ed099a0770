import { execFile, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

export type LabPart =
  | "containerd-1.6"
  | "containerd-1.7"
  | "containerd-2.1"
  | "crane"
  | "docker-registry"
  | "etcd"
  | "oras"
  | "prometheus"
  | "skopeo";

const labFetch = join(import.meta.dirname, "../../scripts/lab-fetch");

/** The folder of a part's programs; fetched first when the cache lacks it. */
export async function labPart(part: LabPart): Promise<string> {
  const bin = partFolder(part);
  if (!existsSync(bin)) await promisify(execFile)(labFetch, [], { timeout: 600_000 });
  return bin;
}

/** Why a part cannot be had here, for the `skip` option of a test; undefined when it can. */
export function partSkipReason(part: LabPart): string | undefined {
  if (existsSync(partFolder(part)) || existsSync("/etc/debian_version")) return undefined;
  return `${part} comes as a Debian package, and this is not Debian`;
}

/** Why containerd cannot run here, for the `skip` option of a test; undefined when it can. */
export function labSkipReason(): string | undefined {
  skipReason ??= findSkipReason() ?? "";
  return skipReason === "" ? undefined : skipReason;
}
let skipReason: string | undefined;

function findSkipReason(): string | undefined {
  if (process.platform !== "linux") return "the lab needs Linux";
  if (process.getuid?.() !== 0) return "the lab needs root: containerd mounts";
  const parts: readonly LabPart[] = ["containerd-1.6", "containerd-1.7", "containerd-2.1"];
  if (!parts.every((part) => existsSync(partFolder(part))) && !existsSync("/etc/debian_version"))
    return "the lab's parts are Debian packages, and this is not Debian";
  const mount = spawnSync("/bin/sh", ["-c", "unshare --mount mount -t tmpfs tmpfs /run"], {
    encoding: "utf8",
  });
  if (mount.status !== 0)
    return `the lab needs a mount namespace of its own: ${mount.stderr || mount.error?.message || "unshare failed"}`;
  return undefined;
}

function partFolder(part: LabPart): string {
  return join(labCache(), part, "bin");
}

export function labCache(): string {
  const environment = process.env;
  return (
    environment["MIRRORLET_LAB_CACHE"] ??
    join(environment["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "mirrorlet/lab")
  );
}
