import { readdir } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import type { SourceFile } from "../core/desired-state/source-file.ts";
import type { Issue } from "../core/issue.ts";
import { type ReadInputOptions, readInputFile } from "./read-input-file.ts";
import { tracePath } from "./trace-path.ts";

export const SOURCE_LIMITS = { fileBytes: 4 * 2 ** 20, totalBytes: 16 * 2 ** 20, files: 1000 } as const;

export type ReadSourcesOptions = Pick<ReadInputOptions, "root" | "trust">;

export type ReadSourcesResult =
  | { readonly ok: true; readonly files: readonly SourceFile[] }
  | { readonly ok: false; readonly issues: readonly Issue[] };

/**
 * Reads desired state from files and directories. Of a directory: its `*.yaml`, `*.yml` and `*.json`, sorted by
 * name, hidden ones left out. All or nothing: a single unreadable or refused file gives issues only, for a part of
 * the desired state would look like the removal of the rest. Relative paths are taken from the working directory,
 * without `root`. Never rejects.
 */
export async function readDesiredStateSources(
  paths: readonly string[],
  options: ReadSourcesOptions,
): Promise<ReadSourcesResult> {
  const issues: Issue[] = [];
  const files: SourceFile[] = [];
  let totalBytes = 0;
  for (const { name, path, root, refusal } of await listInputs(paths, options.root)) {
    const read =
      refusal !== undefined
        ? ({ ok: false, issue: refusal } as const)
        : await readInputFile(path, { root, trust: options.trust, maxBytes: SOURCE_LIMITS.fileBytes });
    if (!read.ok) issues.push({ ...read.issue, at: { ...read.issue.at, file: name } });
    else {
      files.push({ name, bytes: read.bytes });
      totalBytes += read.bytes.length;
    }
    if (totalBytes > SOURCE_LIMITS.totalBytes)
      return { ok: false, issues: [...issues, tooMuch(name, "16 MiB")] };
    if (files.length > SOURCE_LIMITS.files)
      return { ok: false, issues: [...issues, tooMuch(name, `${SOURCE_LIMITS.files} files`)] };
  }
  return issues.length > 0 ? { ok: false, issues } : { ok: true, files };
}

/** True for the name of a file that is read from a directory of desired state. */
export function isSourceName(name: string): boolean {
  return !name.startsWith(".") && /\.(?:ya?ml|json)$/.test(name);
}

interface Input {
  readonly name: string;
  readonly path: string;
  readonly root: string;
  readonly refusal?: Issue;
}

async function listInputs(paths: readonly string[], root: string): Promise<readonly Input[]> {
  const inputs: Input[] = [];
  for (const name of paths) {
    const input = isAbsolute(name) ? { name, path: name, root } : { name, path: resolve(name), root: "" };
    inputs.push(...((await listDirectory(input)) ?? [input]));
  }
  return inputs;
}

/** The files of a directory; undefined when it is none, or cannot be listed: then reading it says why. */
async function listDirectory({ name, path, root }: Input): Promise<readonly Input[] | undefined> {
  try {
    const { real } = await tracePath(path, root);
    if (!real?.stats.isDirectory()) return undefined;
    const entries = (await readdir(real.path)).filter(isSourceName).sort();
    if (entries.length === 0) return [{ name, path, root, refusal: emptyDirectory(name) }];
    return entries.map((entry) => ({ name: join(name, entry), path: join(path, entry), root }));
  } catch {
    return undefined;
  }
}

function emptyDirectory(name: string): Issue {
  return {
    code: "directory-empty",
    severity: "error",
    at: { file: name, line: 1, column: 1 },
    message: "no *.yaml, *.yml or *.json in this directory: nothing is asked for, so nothing is changed",
    fix: "put the desired state there",
  };
}

function tooMuch(name: string, limit: string): Issue {
  return {
    code: "input-too-large",
    severity: "error",
    at: { file: name, line: 1, column: 1 },
    message: `with this file the desired state is over the limit of ${limit}, so it is rejected whole`,
    fix: "make it smaller",
  };
}
