import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TlsMaterial } from "../../core/containerd/pull/tls-material.ts";

export interface TlsFiles {
  /** CAs that are trusted besides the system's, as PEM. */
  readonly cas: readonly string[];
  /** Directories in Docker's layout, for this host: every `.crt` a CA, a `.cert` and a `.key` a client's. Missing ones are fine. */
  readonly directories: readonly string[];
  readonly skipVerify: boolean;
}

/** Where Docker, podman and containerd keep the certificates of a registry. */
export function certificateDirectories(host: string, root: string): readonly string[] {
  return ["/etc/docker/certs.d", "/etc/containers/certs.d", "/etc/containerd/certs.d"].map((directory) =>
    join(root + directory, host),
  );
}

/** Throws what the file system throws, with the path. */
export function readTlsFiles({ cas, directories, skipVerify }: TlsFiles): TlsMaterial {
  const listed = directories.filter((path) => existsSync(path));
  const files = listed.flatMap((path) => readdirSync(path).map((name) => join(path, name)));
  const ca = [...cas, ...files.filter((path) => path.endsWith(".crt")).map(readText)];
  const clients = files
    .filter((path) => path.endsWith(".cert"))
    .map((path) => ({
      certificate: readText(path),
      key: readText(`${path.slice(0, -".cert".length)}.key`),
    }));
  return {
    skipVerify,
    ...(ca.length === 0 ? {} : { ca: ca.join("\n") }),
    ...(clients.length === 0 ? {} : { clients }),
  };
}

/** Throws what the file system throws, with the path. */
export function readText(path: string): string {
  return readFileSync(path, "utf8");
}
