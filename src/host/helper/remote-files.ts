import { existsSync, readdirSync } from "node:fs";
import { candidatePath } from "../../agent/check-candidate.ts";
import { legacyDirectory } from "../../agent/legacy-directory.ts";
import { type Files, HostError } from "../../agent/ports.ts";
import type { AgentConfig } from "../../core/agent-config/agent-config.ts";
import { tracesPlaceOf } from "../../core/containerd/tracing/traces-place.ts";
import { isTracesDropIn } from "../../core/privilege/judge-traces-file.ts";
import { isTemporaryName } from "../files-temporary.ts";
import { sha256 } from "../sha256.ts";
import type { AskHelper } from "./helper-client.ts";

/**
 * The node's files for an agent that is not root. Its own it writes itself; config.toml and what switches the traces are
 * the helper's to write, and the helper is asked to read only what this process may not.
 */
export function createRemoteFiles(ask: AskHelper, local: Files, config: AgentConfig, root: string): Files {
  const configPath = config.containerd.config;
  const candidate = candidatePath(configPath);
  const traces = tracesPlaceOf(config.containerd)?.path;
  const shared = [config.containerd.certsD, legacyDirectory(config)];
  const isRoots = (path: string): boolean =>
    path === configPath || path === candidate || path === traces || isTracesDropIn(path);
  const rootsDirectories = [configPath, ...(traces === undefined ? [] : [traces])].map(parentOf);

  const orByHelper = async <T>(look: () => Promise<T>, verb: string, args: object): Promise<T> => {
    try {
      return await look();
    } catch (error) {
      if (!isDenied(error)) throw error;
      return (await ask(verb, args).catch((refusal: unknown) => {
        // Not among what it reads for us: that we may not read it is then what there is to say.
        throw refusal instanceof HostError && refusal.code === "helper-refused" ? error : refusal;
      })) as T;
    }
  };
  /** The directories that we share with others are opened to us at the first write, and not before. */
  const opening = async <T>(write: () => Promise<T>): Promise<T> => {
    try {
      return await write();
    } catch (error) {
      const isClosed = isDenied(error) && shared.some((path) => isAt((error as HostError).path, path));
      if (!isClosed) throw error;
      await ask("prepare");
      return write();
    }
  };
  const exists = (path: string): boolean => existsSync(`${root}${path}`);
  const hasStrays = (directory: string): boolean => {
    try {
      return readdirSync(`${root}${directory}`).some(isTemporaryName);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code !== "ENOENT";
    }
  };

  return {
    read: (path) => orByHelper(() => local.read(path), "read", { path }),
    readTree: (tree) => orByHelper(() => local.readTree(tree), "read-tree", { root: tree }),
    async write(files) {
      for (const { path, bytes } of files) if (path === candidate) await ask("write-candidate", { bytes });
      const own = files.filter(({ path }) => path !== candidate);
      if (own.length > 0) await opening(() => local.write(own));
    },
    async replace(path, bytes, expected, mode) {
      if (!isRoots(path)) return local.replace(path, bytes, expected, mode);
      const digest = expected === undefined ? null : sha256(expected);
      await ask("replace", { path, bytes, expected: digest, ...(mode === undefined ? {} : { mode }) });
    },
    async remove(paths) {
      for (const path of paths) if (isRoots(path) && exists(path)) await ask("remove", { path });
      const own = paths.filter((path) => !isRoots(path));
      if (own.length > 0) await opening(() => local.remove(own));
    },
    createDirectories: (directories) => opening(() => local.createDirectories(directories)),
    removeDirectories: (paths) => opening(() => local.removeDirectories(paths)),
    async removeEmptyDirectory(path) {
      if (!isTracesDropIn(`${path}/50-mirrorlet-traces.conf`)) return local.removeEmptyDirectory(path);
      if (exists(path)) await ask("remove-directory", { path });
    },
    async sweep(directory) {
      if (!rootsDirectories.includes(directory)) return local.sweep(directory);
      if (hasStrays(directory)) await ask("sweep");
    },
  };
}

function isDenied(error: unknown): boolean {
  return error instanceof HostError && error.code === "denied";
}

function isAt(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
