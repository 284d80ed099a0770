import { revertConfigEdit } from "../core/containerd/config/revert-config-edit.ts";
import { type ContainerdVersion, parseContainerdVersion } from "../core/containerd/version.ts";
import { decodeText } from "../core/decode-text.ts";
import { equalBytes } from "../core/plan/equal-bytes.ts";
import { parseToml } from "../core/toml/parse-toml.ts";
import type { Original } from "./originals.ts";
import type { ObservedFile, Ports } from "./ports.ts";

export interface ConfigRestored {
  readonly changed: boolean;
  /** What was done, a line each. */
  readonly done: readonly string[];
}

/**
 * Puts config.toml back: our keys as they were, what others changed since stays theirs. Where that cannot be said
 * (the file is broken, or written in a way that cannot be edited) the original goes back whole, and what was there
 * is kept beside it.
 */
export async function restoreConfig(
  original: Original | undefined,
  versionText: string | undefined,
  /** Receivers of traces that we have named. */
  receivers: ReadonlySet<string>,
  { files }: Pick<Ports, "files">,
): Promise<ConfigRestored> {
  const current = original && (await files.read(original.path));
  if (original === undefined || current === undefined) return { changed: false, done: [] };
  const { path, bytes, mode } = original;
  const result = revertConfigEdit({
    path,
    current: decodeText(current.bytes),
    original: bytes === undefined ? undefined : decodeText(bytes),
    version: versionFor(current, versionText),
    receivers,
  });
  const keptAt = `${path}.before-restore`;
  const kept = result.ok ? [] : [`kept ${path} as it was before restore in ${keptAt}`];
  if (!result.ok) await files.write([{ path: keptAt, bytes: current.bytes, mode: 0o600, secret: true }]);
  const text = result.ok ? result.text : undefined;
  if (bytes === undefined && (text ?? "").trim() === "") {
    await files.remove([path]);
    return { changed: true, done: [...kept, `remove ${path}, which was not there before mirrorlet`] };
  }
  const after = text === undefined ? (bytes as Uint8Array) : new TextEncoder().encode(text);
  if (equalBytes(after, current.bytes)) return { changed: false, done: [] };
  await files.replace(path, after, current.bytes, mode);
  const line = result.ok
    ? `edit ${path}: registry settings as they were before mirrorlet`
    : `put ${path} back whole: ${result.issues.map(({ message }) => message).join("; ")}`;
  return { changed: true, done: [...kept, line] };
}

/**
 * Without a binary that answers and without a version in the record, the file's own `version` tells the release
 * that it was most likely written for: 4 came with 2.3, 3 with 2.0; what is older is read by 1.7.
 */
function versionFor(file: ObservedFile, versionText: string | undefined): ContainerdVersion {
  const known = versionText === undefined ? undefined : parseContainerdVersion(versionText);
  if (known !== undefined) return known;
  const parsed = parseToml(decodeText(file.bytes));
  const schema = parsed.ok ? Number(parsed.value["version"] ?? 0) : 0;
  if (schema >= 4) return { major: 2, minor: 3, patch: 0, text: "2.3.0" };
  if (schema === 3) return { major: 2, minor: 0, patch: 0, text: "2.0.0" };
  return { major: 1, minor: 7, patch: 0, text: "1.7.0" };
}
