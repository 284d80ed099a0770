import { parseContainerdVersion } from "../../../src/core/containerd/version.ts";
import { type ParseOptions, parseDesiredState } from "../../../src/core/desired-state/parse-desired-state.ts";
import type { FileRead } from "../../../src/core/desired-state/resolve-context.ts";
import {
  type ResolvedDesiredState,
  resolveDesiredState,
} from "../../../src/core/desired-state/resolve-desired-state.ts";
import type { SourceFile } from "../../../src/core/desired-state/source-file.ts";
import { inspectCertificates } from "../../../src/host/certificates.ts";

export interface ResolveTextOptions extends ParseOptions {
  /** Contents by path; `undefined` is a file that cannot be read. */
  readonly files?: Readonly<Record<string, string | Uint8Array | undefined>>;
  readonly secrets?: Readonly<Record<string, string>>;
  readonly nowMs?: number;
  readonly containerd?: string;
}

/** Parses and resolves one document text (or several files), with the real certificate inspector. */
export function resolveText(
  input: string | Uint8Array | readonly SourceFile[],
  options: ResolveTextOptions = {},
): ResolvedDesiredState {
  const sources =
    typeof input === "string" || input instanceof Uint8Array ? [source("state.yaml", input)] : input;
  const parsed = parseDesiredState(sources, options);
  const files = new Map(
    Object.entries(options.files ?? {}).map(([path, content]) => [path, fileRead(content)]),
  );
  const secrets = Object.entries(options.secrets ?? {}).map(([name, text]) => source(name, text));
  const containerdVersion = parseContainerdVersion(options.containerd ?? "");
  return resolveDesiredState(
    parsed,
    { files, secrets: parsed.secretsDir === undefined ? [] : secrets },
    {
      nowMs: options.nowMs ?? Date.UTC(2026, 0, 1),
      inspectCertificates,
      ...(containerdVersion && { containerdVersion }),
    },
  );
}

export function source(name: string, content: string | Uint8Array): SourceFile {
  return { name, bytes: typeof content === "string" ? new TextEncoder().encode(content) : content };
}

export function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

/** A docker config.json with one entry a host. */
export function dockerConfig(entries: Readonly<Record<string, string>>): string {
  const auths = Object.fromEntries(
    Object.entries(entries).map(([host, pair]) => [host, { auth: base64(pair) }]),
  );
  return JSON.stringify({ auths });
}

function fileRead(content: string | Uint8Array | undefined): FileRead {
  if (content === undefined) return { ok: false, reason: "permission denied" };
  return { ok: true, bytes: typeof content === "string" ? new TextEncoder().encode(content) : content };
}
