import { statSync } from "node:fs";
import { resolve } from "node:path";
import { HostError } from "../agent/ports.ts";
import type { FleetKeygenDeps } from "../cli/fleet-keygen.ts";
import type { FleetSignDeps } from "../cli/fleet-sign.ts";
import type { FleetVerifyDeps } from "../cli/fleet-verify.ts";
import type { Issue } from "../core/issue.ts";
import { refuseOverwrite } from "../core/signing/refuse-overwrite.ts";
import { createPublicKey, type PublicKey, readInlineKey } from "../core/signing/trusted-keys.ts";
import { readDesiredStateSources } from "../edge/read-desired-state-sources.ts";
import { createKeyPair, verifyEd25519 } from "../host/ed25519.ts";
import { createFiles } from "../host/files.ts";
import { sha256 } from "../host/sha256.ts";
import { readSigningKeyFile, writeKeyPair } from "../host/signing-key-files.ts";
import { validateDeps } from "./compose-validate.ts";
import { readKeyFile } from "./read-trust.ts";

export const keygenDeps: FleetKeygenDeps = { createKeyPair, writeKeyPair, sha256 };

/** What the desired state names is looked for below `root`; the desired state, keys and outputs are the user's own files. */
export function signDeps(root: string): FleetSignDeps {
  const { files, clock, certificates } = validateDeps({ root });
  return {
    files,
    clock,
    certificates,
    sha256,
    readSources: (paths) => readDesiredStateSources(paths, { root: "", trust: "anyone" }),
    readSigningKey: readSigningKeyFile,
    writeSigned,
  };
}

export const verifyDeps: FleetVerifyDeps = {
  verifyEd25519,
  sha256,
  readSources: (paths) => readDesiredStateSources(paths, { root: "", trust: "anyone" }),
  readKeys,
};

async function writeSigned(
  out: string,
  bytes: Uint8Array,
  sources: readonly string[],
): Promise<string | undefined> {
  const path = resolve(out);
  const files = createFiles();
  try {
    const before = await files.read(path);
    const refusal = before && refuseOverwrite(before.bytes, bytes);
    if (refusal !== undefined) return `${out} ${refusal}`;
    const mode = sources.every(isOpenToAll) ? 0o644 : 0o600;
    await files.write([{ path, bytes, mode, secret: mode === 0o600 }]);
    return undefined;
  } catch (error) {
    if (error instanceof HostError) return error.message;
    throw error;
  }
}

function isOpenToAll(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats !== undefined && (stats.mode & 0o004) !== 0;
}

async function readKeys(
  entries: readonly string[],
): Promise<
  { readonly ok: true; readonly keys: readonly PublicKey[] } | { readonly ok: false; readonly issue: Issue }
> {
  const keys: PublicKey[] = [];
  for (const entry of entries) {
    const raw = readInlineKey(entry);
    const found =
      raw === undefined
        ? await readKeyFile(resolve(entry), "", "anyone")
        : ({ ok: true, keys: [createPublicKey(raw, sha256)] } as const);
    if (!found.ok) return found;
    keys.push(...found.keys);
  }
  return { ok: true, keys };
}
