import { type ImportPattern, importPatterns } from "../../core/containerd/config/import-patterns.ts";
import type { ContainerdVersion } from "../../core/containerd/version.ts";
import { decodeText } from "../../core/decode-text.ts";
import type { DropInsView, MissingImport } from "../../core/doctor/node-view.ts";
import type { ConfigText, ObservedTree } from "../../core/host-state.ts";
import { globToRegExp } from "../glob-to-reg-exp.ts";
import { type Files, HostError } from "../ports.ts";

/** Beside config.toml: containerd's own `conf.d`, EKS' `config.d`, k3s' `config.toml.d`, and what people try. */
const USUAL_DIRECTORIES = ["conf.d", "config.d", "config.toml.d", "config-v3.toml.d", "containerd.d"];

/** Far more than anybody has. */
const MAX_DIRECTORIES = 16;
const MAX_STRAYS = 64;

/** The imports that cannot be had, and the drop-ins that nothing imports. `troubles`: why a file cannot be read. */
export async function observeDropIns(
  files: Files,
  sources: readonly ConfigText[],
  version: ContainerdVersion,
  { configFile, troubles }: { readonly configFile: string; readonly troubles: ReadonlyMap<string, string> },
): Promise<DropInsView> {
  const loaded = new Set(sources.map(({ path }) => path));
  const patterns = sources.flatMap((source) => importPatterns(source, version));
  const missing = patterns
    .filter(({ pattern, isGlob }) => !isGlob && !loaded.has(pattern))
    .map(({ pattern, at }): MissingImport => {
      return { path: pattern, at, reason: troubles.get(pattern) ?? "no such file or directory" };
    });
  const matched = await Promise.all(
    patterns.filter(({ isGlob }) => isGlob).map((pattern) => findUnloadable(pattern, files)),
  );
  const near = USUAL_DIRECTORIES.map((name) => `${parentOf(configFile)}/${name}`);
  const globbed = patterns.filter(({ isGlob }) => isGlob).map(({ pattern }) => parentOf(pattern));
  const directories = new Set([...globbed, ...near].filter((path) => /^\/[^*]+$/.test(path)));
  const found = await Promise.all(
    [...directories].slice(0, MAX_DIRECTORIES).map((path) => listToml(path, files)),
  );
  const strays = found.flat().filter(({ path }) => !loaded.has(path) && path !== configFile);
  return { missing: [...missing, ...matched.flat()], strays: strays.slice(0, MAX_STRAYS) };
}

/** Go's Glob lists names, and containerd opens each: a link to nothing, or a directory, keeps it from starting. */
async function findUnloadable(
  { pattern: written, isRelativeToDaemon, at }: ImportPattern,
  files: Files,
): Promise<readonly MissingImport[]> {
  const pattern = isRelativeToDaemon ? `/${written}` : written;
  const directory = parentOf(pattern);
  if (directory.includes("*")) return [];
  const tree = await readTree(directory, files);
  const name = globToRegExp(pattern.slice(directory.length + 1));
  const found = [
    ...tree.others,
    ...tree.directories.map((path) => ({ path, reason: "is a directory" })),
  ].filter(({ path }) => parentOf(path) === directory && name.test(path.slice(directory.length + 1)));
  const denied = found.find(({ reason }) => reason.endsWith("(EACCES)"));
  if (denied !== undefined) throw new HostError("denied", denied.path, denied.reason, { retryable: false });
  return found
    .filter(({ reason }) => !reason.startsWith("larger than"))
    .map(({ path, reason }) => ({ path, at, reason: asOpened(reason), isMatched: true }));
}

function asOpened(reason: string): string {
  return reason === "symbolic link to nothing" ? "no such file or directory" : reason;
}

async function listToml(directory: string, files: Files): Promise<readonly ConfigText[]> {
  const tree = await readTree(directory, files);
  return tree.files
    .filter(({ path }) => parentOf(path) === directory && path.endsWith(".toml"))
    .map(({ path, bytes }) => ({
      path,
      text: decodeText(bytes),
    }));
}

/** What cannot be listed is no finding: nothing says that it is meant to be read. */
async function readTree(
  directory: string,
  files: Files,
): Promise<Pick<ObservedTree, "files" | "others" | "directories">> {
  return files.readTree(directory).catch((error: unknown) => {
    if (error instanceof HostError) return { files: [], others: [], directories: [] };
    throw error;
  });
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
