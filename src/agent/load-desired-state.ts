import type { InspectCertificates } from "../core/certificates.ts";
import type { ContainerdVersion } from "../core/containerd/version.ts";
import { type ParseOptions, parseDesiredState } from "../core/desired-state/parse-desired-state.ts";
import type {
  Exposure,
  FileRead,
  ResolveContext,
  SecretFile,
} from "../core/desired-state/resolve-context.ts";
import {
  type ResolvedDesiredState,
  resolveDesiredState,
} from "../core/desired-state/resolve-desired-state.ts";
import type { SourceFile } from "../core/desired-state/source-file.ts";
import type { Clock, Files } from "./ports.ts";

export interface LoadContext {
  /** Puts `--root` before every path itself. */
  readonly files: Pick<Files, "read" | "readTree">;
  /** Who else can change or read a file. Never rejects. Undefined: nothing on the node follows from what is read. */
  readonly exposureOf?: (path: string) => Promise<Exposure>;
  readonly clock: Pick<Clock, "now">;
  readonly certificates: InspectCertificates;
  readonly secretsDir?: string | undefined;
  readonly pullSecret?: string | undefined;
  readonly containerdVersion?: ContainerdVersion | undefined;
}

/**
 * Understands the sources, reads the files they name, checks everything. `state` is absent when any issue is an
 * error. Never rejects: a file that cannot be read is an issue at the place that names it.
 */
export async function loadDesiredState(
  sources: readonly SourceFile[],
  context: LoadContext,
): Promise<ResolvedDesiredState> {
  const { secretsDir, pullSecret, containerdVersion } = context;
  const options: ParseOptions = { ...(secretsDir && { secretsDir }), ...(pullSecret && { pullSecret }) };
  const parsed = parseDesiredState(sources, options);
  const files = new Map<string, FileRead>();
  for (const { path } of parsed.needs) {
    const read = await readNamed(path, context);
    if (read !== undefined) files.set(path, read);
  }
  const secrets = parsed.secretsDir === undefined ? [] : await readSecrets(parsed.secretsDir.text, context);
  const resolveContext: ResolveContext = {
    nowMs: context.clock.now(),
    inspectCertificates: context.certificates,
    ...(containerdVersion && { containerdVersion }),
  };
  return resolveDesiredState(parsed, { files, secrets }, resolveContext);
}

type ReadContext = Pick<LoadContext, "files" | "exposureOf">;

// Looked at after reading: whoever could exchange the file in between could do so only in a directory that is refused.
async function readNamed(path: string, { files, exposureOf }: ReadContext): Promise<FileRead | undefined> {
  try {
    const file = await files.read(path);
    if (file === undefined) return undefined;
    const exposure = await exposureOf?.(path);
    return { ok: true, bytes: file.bytes, ...(exposure && { exposure }) };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : "it cannot be read" };
  }
}

// A directory that cannot be read has no Secrets in it; the missing Secret is then reported where it is named.
async function readSecrets(
  directory: string,
  { files, exposureOf }: ReadContext,
): Promise<readonly SecretFile[]> {
  try {
    const tree = await files.readTree(directory);
    const found = tree.files.filter(({ path }) => /\.(?:ya?ml|json)$/.test(path));
    return await Promise.all(
      found.map(async ({ path, bytes }) => {
        const exposure = await exposureOf?.(path);
        return { name: path, bytes, ...(exposure && { exposure }) };
      }),
    );
  } catch {
    return [];
  }
}
