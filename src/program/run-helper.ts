import { lstatSync } from "node:fs";
import { legacyDirectory } from "../agent/legacy-directory.ts";
import { HostError } from "../agent/ports.ts";
import type { AgentConfig } from "../core/agent-config/agent-config.ts";
import { formatIssue } from "../core/issue.ts";
import { findDistrust } from "../edge/read-input-file.ts";
import { createClock } from "../host/clock.ts";
import { createContainerd } from "../host/containerd.ts";
import { readDaemonEnvironment } from "../host/daemon-environment.ts";
import { createFiles } from "../host/files.ts";
import { createHostRoot } from "../host/files-root.ts";
import { changeVerbs } from "../host/helper/change-verbs.ts";
import { daemonVerbs } from "../host/helper/daemon-verbs.ts";
import { createStateKeeper } from "../host/helper/helper-state.ts";
import { inheritedSocket, type Listening, listen } from "../host/helper/listen.ts";
import { openVerbs } from "../host/helper/open-directories.ts";
import { readVerbs } from "../host/helper/read-verbs.ts";
import { serveVerbs, type Verbs } from "../host/helper/serve-verbs.ts";
import { asErrors, isJournal } from "../host/journal-stream.ts";
import { isRegistryVariable } from "../host/registry-environment.ts";
import { sha256 } from "../host/sha256.ts";
import { returnMemory } from "../shared/return-memory.ts";
import { loadConfig } from "./load-config.ts";

export interface HelperOptions {
  /** `--root`; "" for none. */
  readonly root: string;
  /** agent.toml; undefined: the usual place. */
  readonly config: string | undefined;
  /** Made here, where no service manager holds one. */
  readonly socket: { readonly path: string; readonly gid: number } | undefined;
  /** Without a request or a stream for that long it ends; 0: it stays. */
  readonly idleMs: number;
}

/** Where mirrorlet-helper.socket has it, unless agent.toml names another. */
const HELPER_SOCKET = "/run/mirrorlet-helper.sock";

/** Serves until it is idle or told to end; resolves with the exit code. */
export async function runHelper(options: HelperOptions): Promise<number> {
  if (process.getuid?.() !== 0) return fail("it has to be root", 1);
  const loaded = await loadConfig({ root: options.root, config: options.config, set: [] });
  const fd = inheritedSocket(process.env, process.pid);
  if (!loaded.ok) {
    const why = loaded.issues.map(formatIssue).join("\n");
    const code = fail(why, 78);
    if (fd !== undefined) await refuseAll(fd, why, options.idleMs);
    return code;
  }
  const at = fd === undefined ? options.socket : { fd, path: loaded.config.helper ?? HELPER_SOCKET };
  if (at === undefined)
    return fail("no socket: systemd starts it by mirrorlet-helper.socket, others with --socket PATH", 64);
  const distrust = await findDistrust(loaded.config.helperState, options.root, 0);
  if (distrust !== undefined) return fail(distrust, 1);
  const listening = await listen(at);
  const verbs = createVerbs(loaded.config, listening, options);
  returnMemory();
  return new Promise((resolve) => {
    const end = (): void => void stop().then(() => resolve(0));
    const stop = serveVerbs(listening.server, verbs, {
      idleMs: options.idleMs === 0 ? undefined : options.idleMs,
      onIdle: end,
    });
    process.once("SIGTERM", end);
    process.once("SIGINT", end);
  });
}

/** Requests that wait at the socket would start us again at once: they are told, and later ones, until none comes. */
async function refuseAll(fd: number, why: string, idleMs: number): Promise<void> {
  const message = `the root helper does nothing, for its setup is faulty: ${why}; config.toml and the restart of containerd wait for it; pulls are unaffected`;
  const refusal = new HostError("helper-setup", "", message, { retryable: true });
  const { server } = await listen({ fd, path: HELPER_SOCKET });
  await new Promise<void>((resolve) => {
    const stop = serveVerbs(server, {}, { idleMs, onIdle: () => void stop().then(resolve), refusal });
    process.once("SIGTERM", () => void stop().then(resolve));
  });
}

function createVerbs(config: AgentConfig, { gid }: Listening, { root }: HelperOptions): Verbs {
  const { binary, socket, restart, certsD } = config.containerd;
  const hostRoot = createHostRoot(root === "" ? "/" : root);
  const containerd = createContainerd({ binary, socket, restart, root: root === "" ? "/" : root });
  const files = createFiles({ ...(root === "" ? {} : { root }), confined: [certsD] });
  const clock = createClock();
  const state = createStateKeeper(config.helperState, { files, clock, sha256 });
  const desiredState = async () => {
    // YAML is loaded only where somebody asks.
    const { readRootsDesiredState } = await import("./roots-desired-state.ts");
    return readRootsDesiredState(config, root);
  };
  // Not links that somebody who is the agent's user puts there.
  const agents = createFiles({ ...(root === "" ? {} : { root }), confined: [config.stateDir] });
  const feedsNames = async () => {
    const { readFeedsNames } = await import("./read-feeds-names.ts");
    return readFeedsNames(config, root, agents);
  };
  const shared = {
    config,
    files,
    containerd,
    clock,
    state,
    sha256,
    desiredState,
    feedsNames,
    findDistrust: (path: string) => findDistrust(path, root, 0),
  };
  return {
    ...readVerbs(shared),
    ...changeVerbs(shared),
    ...openVerbs({
      ...shared,
      root: hostRoot,
      certsD,
      legacyDirectory: legacyDirectory(config),
      agent: () => {
        const stats = lstatSync(hostRoot.toHost(config.stateDir), { throwIfNoEntry: false });
        return stats?.isDirectory() === true ? { uid: stats.uid, gid } : undefined;
      },
    }),
    ...daemonVerbs({
      ...shared,
      canaries: async () => {
        const own = (await desiredState())?.parsed;
        const all = [...(own ? [own] : []), ...(await feedsNames())];
        // Nothing can be read now: what was named last still counts.
        if (all.length === 0) return undefined;
        return [...new Set(all.flatMap(({ canaries }) => canaries.map(({ text }) => text)))];
      },
      registryEnvironment: () => {
        const all = readDaemonEnvironment(hostRoot.toHost(socket)) ?? {};
        return Object.fromEntries(Object.entries(all).filter(([name]) => isRegistryVariable(name)));
      },
    }),
  };
}

function fail(message: string, code: number): number {
  const words = `mirrorlet-helper: ${message}\n`;
  process.stderr.write(isJournal(process.env) ? asErrors(words) : words);
  return code;
}
