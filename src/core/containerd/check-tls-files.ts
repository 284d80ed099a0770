import type { HostTree } from "./host-tree.ts";
import type { HostEntry } from "./hosts-toml/host-entry.ts";
import { explainKeyPair, holdsCertificate } from "./pem.ts";

/**
 * The first `ca` or `client` file that makes every pull of the namespace fail, in containerd's words; undefined when
 * all of them load. Entries that would never be asked count too: containerd builds all clients before it asks anyone.
 */
export function findBadTlsFile(entries: readonly HostEntry[], tree: HostTree): string | undefined {
  for (const entry of entries) {
    for (const path of entry.ca ?? []) {
      if (tree.isHidden?.(path) === true) continue;
      const failure = checkCa(path, tree);
      if (failure !== undefined) return failure;
    }
    for (const [certificate, key] of entry.client ?? []) {
      if ([certificate, key].some((path) => tree.isHidden?.(path) === true)) continue;
      const failure = checkClient(certificate, key, tree);
      if (failure !== undefined) return failure;
    }
  }
  return undefined;
}

/** Every file the entries name, each once: what a caller has to have read for the answer to be right. */
export function namedTlsFiles(entries: readonly HostEntry[]): readonly string[] {
  const files = entries.flatMap(({ ca = [], client = [] }) => [...ca, ...client.flat()]);
  return [...new Set(files.filter((path) => path !== ""))];
}

function checkCa(path: string, tree: HostTree): string | undefined {
  const file = read(path, tree);
  if (!file.ok) return `unable to read CA cert ${JSON.stringify(path)}: ${file.message}`;
  return holdsCertificate(file.bytes) ? undefined : `unable to load CA cert ${JSON.stringify(path)}`;
}

function checkClient(certificate: string, key: string, tree: HostTree): string | undefined {
  const pem = read(certificate, tree);
  if (!pem.ok) return `unable to read CERT file ${JSON.stringify(certificate)}: ${pem.message}`;
  const keyPem = key === "" ? pem : read(key, tree);
  if (!keyPem.ok) return `unable to read CERT file ${JSON.stringify(key)}: ${keyPem.message}`;
  const failure = explainKeyPair(pem.bytes, keyPem.bytes);
  return failure === undefined ? undefined : `failed to load X509 key pair: ${failure}`;
}

type ReadResult =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly message: string };

function read(path: string, tree: HostTree): ReadResult {
  const kind = tree.kindOf(path);
  if (kind === "directory") return { ok: false, message: `read ${path}: is a directory` };
  if (kind === undefined) return { ok: false, message: `open ${path}: no such file or directory` };
  const bytes = tree.readFile(path);
  return bytes === undefined ? { ok: false, message: `open ${path}: cannot be read` } : { ok: true, bytes };
}
