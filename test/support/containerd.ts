import { execFile } from "node:child_process";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { type ContainerdVersion, parseContainerdVersion } from "../../src/core/containerd/version.ts";
import { type ContainerdPaths, defaultConfig } from "./containerd-config.ts";
import { type LabPull, type PullAuth, pullImage, removeImage, waitForCri } from "./cri-client.ts";
import { labPart, labSkipReason } from "./lab-parts.ts";
import { leaseDirectory } from "./leased-directory.ts";
import { restartScript } from "./restart-script.ts";
import { WAIT_LIMIT_MS } from "./wait-limit.ts";

export const generations = ["1.6", "1.7", "2.1"] as const;
export type Generation = (typeof generations)[number];

/** A running containerd with its own root, state, socket, configuration and mount namespace. */
export interface LabContainerd extends ContainerdPaths {
  readonly generation: Generation;
  readonly version: ContainerdVersion;
  /** The program, for `--version` and `config dump`. */
  readonly binary: string;
  /**
   * Restarts the daemon as `systemctl restart` would, from any process: ends with 0 once the new daemon answers
   * on its socket, else with 1 and its last words on stderr; within 15 seconds. The daemon outlives the caller.
   */
  readonly restartCommand: readonly string[];
  pull(
    reference: string,
    options?: { readonly auth?: PullAuth; readonly timeoutMs?: number },
  ): Promise<LabPull>;
  /** Removes the image and, before it returns, the content that nothing else uses: a re-pull fetches again. */
  removeImage(reference: string): Promise<void>;
  /** Runs restartCommand and waits until CRI answers, or is known to be missing. Rejects when the start fails. */
  restart(): Promise<void>;
  /** Ends the daemon and removes everything. */
  stop(): Promise<void>;
  pid(): Promise<number>;
  log(): Promise<string>;
}

export interface ContainerdOptions {
  readonly generation: Generation;
  /** The whole config.toml; without it: certs.d in `config_path`, native snapshotter. */
  readonly config?: (paths: ContainerdPaths) => string;
  /** Added to the daemon's environment, which holds PATH, the proxy and `environmentFile` only. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Where requests to anything but loopback go. Without it: to a loopback port that refuses. */
  readonly upstreamTrap?: { readonly url: string };
}

export async function startContainerd(options: ContainerdOptions): Promise<LabContainerd> {
  const bin = await labPart(`containerd-${options.generation}`);
  const lease = await leaseDirectory(`containerd-${options.generation}`);
  const paths = pathsBelow(lease.path);
  const restartPath = join(lease.path, "restart");
  await mkdir(paths.certsD, { recursive: true });
  await writeFile(paths.configPath, options.config?.(paths) ?? defaultConfig(options.generation, paths));
  await writeFile(restartPath, restartScript(paths, bin, daemonEnvironment(bin, options)));
  await chmod(restartPath, 0o755);

  const restart = async (): Promise<void> => {
    await run(restartPath, [], { timeout: WAIT_LIMIT_MS });
    await waitForCri(paths.socket);
  };
  try {
    await restart();
  } catch (error) {
    await lease.release();
    throw error;
  }
  return {
    ...paths,
    generation: options.generation,
    version: await readVersion(join(bin, "containerd")),
    binary: join(bin, "containerd"),
    restartCommand: [restartPath],
    pull: (reference, { auth, timeoutMs = 30_000 } = {}) =>
      pullImage(paths.socket, reference, auth, timeoutMs),
    removeImage: (reference) => removeImage(paths.socket, reference),
    restart,
    stop: () => lease.release(),
    pid: async () => Number(await readFile(join(paths.dir, "pids/containerd"), "utf8")),
    log: () => readFile(paths.logPath, "utf8"),
  };
}

/** One test for each generation, skipped with the reason where the lab cannot run. */
export function forEachGeneration(
  name: string,
  body: (generation: Generation, context: TestContext) => Promise<void>,
): void {
  for (const generation of generations) {
    test(`${name} (containerd ${generation})`, { skip: labSkipReason() ?? false }, (context) =>
      body(generation, context),
    );
  }
}

const run = promisify(execFile);

function pathsBelow(dir: string): ContainerdPaths {
  return {
    dir,
    etc: join(dir, "etc"),
    configPath: join(dir, "etc/config.toml"),
    environmentFile: join(dir, "etc/environment"),
    certsD: join(dir, "etc/certs.d"),
    root: join(dir, "root"),
    state: join(dir, "state"),
    socket: join(dir, "containerd.sock"),
    logPath: join(dir, "containerd.log"),
  };
}

/** Go leaves loopback addresses out of the proxy; all else must not leave this machine. */
function daemonEnvironment(bin: string, options: ContainerdOptions): Readonly<Record<string, string>> {
  const proxy = options.upstreamTrap?.url ?? "http://127.0.0.1:9";
  return {
    PATH: `${bin}:/usr/sbin:/usr/bin:/sbin:/bin`,
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
    ...options.environment,
  };
}

async function readVersion(binary: string): Promise<ContainerdVersion> {
  const { stdout } = await run(binary, ["--version"]);
  const version = parseContainerdVersion(stdout);
  if (version === undefined) throw new Error(`no version in what ${binary} --version prints: ${stdout}`);
  return version;
}
