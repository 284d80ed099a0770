import { readdirSync, readFileSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import type { Environment } from "../core/choose-proxy.ts";
import { SYSTEM_ROOT_DIRECTORIES, SYSTEM_ROOT_FILES } from "../core/go-system-roots.ts";

/**
 * The certificates a Go program of this machine trusts, as PEM blocks without duplicates. Node brings its own
 * list, which knows nothing of a company's CA. Read again only when a file or directory has changed.
 */
export function createSystemRoots(environment: Environment, root = ""): () => readonly string[] {
  const files = fromVariable(environment["SSL_CERT_FILE"], SYSTEM_ROOT_FILES, () => [
    environment["SSL_CERT_FILE"] ?? "",
  ]);
  const directories = fromVariable(environment["SSL_CERT_DIR"], SYSTEM_ROOT_DIRECTORIES, (text) =>
    text.split(":"),
  );
  let known: { readonly stamp: string; readonly roots: readonly string[] } | undefined;
  return () => {
    const stamp = [...files, ...directories].map((path) => stampOf(root + path)).join();
    if (known?.stamp !== stamp) known = { stamp, roots: load(files, directories, root) };
    return known.roots;
  };
}

/** PEM certificates in a text, each whole, as written. */
export function splitCertificates(text: string): readonly string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}

function fromVariable(
  value: string | undefined,
  fallback: readonly string[],
  parse: (text: string) => readonly string[],
): readonly string[] {
  return value === undefined || value === "" ? fallback : parse(value);
}

function load(files: readonly string[], directories: readonly string[], root: string): readonly string[] {
  const roots = new Set<string>();
  for (const path of files) {
    const text = readText(root + path);
    if (text === undefined) continue;
    for (const certificate of splitCertificates(text)) roots.add(certificate);
    break;
  }
  for (const directory of directories) {
    for (const name of namesIn(root + directory)) {
      for (const certificate of splitCertificates(readText(join(root + directory, name)) ?? ""))
        roots.add(certificate);
    }
  }
  return [...roots];
}

const MAX_BUNDLE_BYTES = 4 * 1024 * 1024;

function readText(path: string): string | undefined {
  const stats = statOf(path);
  if (stats?.isFile() !== true || stats.size > MAX_BUNDLE_BYTES) return undefined;
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}

// `1a2b3c4d.0` are links of OpenSSL's to files that stand in the same directory.
function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory).filter((name) => !/^[0-9a-f]{8}\.\d+$/.test(name));
  } catch {
    return [];
  }
}

function stampOf(path: string): string {
  const stats = statOf(path);
  return stats === undefined ? "" : `${stats.ino}/${stats.ctimeMs}`;
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
