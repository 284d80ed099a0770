import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { runPass } from "../../../src/agent/pass.ts";
import { sweepStrays } from "../../../src/agent/reconciler.ts";
import type { PassReport } from "../../../src/agent/report.ts";
import type { DesiredState } from "../../../src/core/desired-state/desired-state.ts";
import { createClock } from "../../../src/host/clock.ts";
import { type Generation, type LabContainerd, startContainerd } from "../../support/containerd.ts";
import { type ContainerdPaths, defaultConfig } from "../../support/containerd-config.ts";
import { driveNode, type Job } from "./driven-node.ts";

/** A real daemon whose config.toml names no registry directory yet, and the agent's parts for it. */
export interface RealNode {
  readonly daemon: LabContainerd;
  readonly job: (desired: DesiredState) => Job;
  /** What the agent does at its start, in this process; by default as after a boot, with the restart budget full. */
  pass(desired: DesiredState, when?: "now" | "after a boot"): Promise<PassReport>;
  readConfig(): string;
  /** Restarts that were asked for. */
  restarts(): number;
  /**
   * Shell lines that the node's restart command runs before and after the restart itself. `$config` is config.toml,
   * `$dropIn` a file it imports, `$environment` where its traces are switched, `$n` says which restart this is, `$PPID` who asked for it.
   */
  setHook(before: string, after?: string): void;
  /** Everything as it was at the start, the daemon on it. */
  reset(): Promise<void>;
  readonly dropIn: string;
  readonly stateDir: string;
}

export interface RealNodeOptions {
  /** containerd is to send its traces, to a port where nobody listens. */
  readonly traces?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
}

export async function startRealNode(
  generation: Generation,
  trap: { readonly url: string },
  { traces = false, environment = {} }: RealNodeOptions = {},
): Promise<RealNode> {
  const daemon = await startContainerd({
    generation,
    config: (paths) => plainConfig(generation, paths),
    upstreamTrap: trap,
    environment,
  });
  const restartPath = join(daemon.dir, "site-restart");
  const countPath = join(daemon.dir, "restart-count");
  const dropIn = join(daemon.etc, "conf.d/site.toml");
  const stateDir = join(daemon.dir, "mirrorlet");
  const setHook = (before: string, after = ""): void => {
    const script = `#!/bin/sh
config='${daemon.configPath}' dropIn='${dropIn}' environment='${daemon.environmentFile}'
echo again >>'${countPath}'
n=$(wc -l <'${countPath}')
${before}
'${daemon.restartCommand[0]}'
status=$?
${after}
exit $status
`;
    writeFileSync(restartPath, script);
    chmodSync(restartPath, 0o755);
  };
  mkdirSync(dirname(dropIn), { recursive: true });
  setHook("");
  const job = (desired: DesiredState): Job => ({
    root: "",
    settings: {
      "containerd.config": daemon.configPath,
      "containerd.certs_d": daemon.certsD,
      // As it is restarted: the default names a unit of this machine.
      "containerd.restart": restartPath,
      "containerd.environment_file": daemon.environmentFile,
      "http.address": traces ? "127.0.0.1:9" : "127.0.0.1:0",
      state_dir: stateDir,
    },
    desired,
    containerd: { kind: "real", binary: daemon.binary, socket: daemon.socket, restart: [restartPath] },
    countedNames: true,
  });
  const old = readFileSync(daemon.configPath);
  let boots = 0;
  return {
    daemon,
    job,
    setHook,
    dropIn,
    stateDir,
    readConfig: () => readFileSync(daemon.configPath, "utf8"),
    async reset() {
      setHook("");
      for (const path of [dropIn, stateDir, countPath, daemon.certsD, daemon.environmentFile])
        rmSync(path, { recursive: true, force: true });
      mkdirSync(daemon.certsD);
      writeFileSync(daemon.configPath, old);
      await daemon.restart();
    },
    restarts: () => (existsSync(countPath) ? readFileSync(countPath, "utf8").split("\n").length - 1 : 0),
    async pass(desired, when = "after a boot") {
      boots += 1;
      const clock = createClock();
      const { context, ports, config } = driveNode(
        { ...job(desired), countedNames: false },
        { clock: when === "now" ? clock : { ...clock, bootId: `boot ${boots}` } },
      );
      await sweepStrays(ports, config);
      return runPass(context);
    },
  };
}

function plainConfig(generation: Generation, paths: ContainerdPaths): string {
  const text = defaultConfig(generation, paths).replace(/^ *config_path = .*\n/m, "");
  return text.replace(/^(version = \d)\n/, `$1\nimports = ["${join(paths.etc, "conf.d")}/*.toml"]\n`);
}
