import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { ControllerNotice } from "../../../../src/fleet/controller/controller-notice.ts";
import type { ControllerPace } from "../../../../src/fleet/controller/controller-options.ts";
import { atEnd } from "../../../support/at-end.ts";
import type { FencingEngine } from "../../engine/fencing-driver.ts";

export interface ControllerProcessSpec {
  readonly engine: FencingEngine;
  readonly fleet: string;
  readonly id: string;
  readonly pace: Partial<ControllerPace>;
}

export interface ControllerProcess {
  readonly notices: readonly ControllerNotice[];
  readonly isRunning: boolean;
  signal(signal: NodeJS.Signals): void;
  kill(): Promise<void>;
}

/** A controller that can be killed and stopped as only a process can. Ends with the test. */
export function startControllerProcess(t: TestContext, spec: ControllerProcessSpec): ControllerProcess {
  const driver = fileURLToPath(new URL("../controller-driver.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", driver, JSON.stringify(spec)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const notices: ControllerNotice[] = [];
  createInterface(child.stdout).on("line", (line) => notices.push(JSON.parse(line) as ControllerNotice));
  const exited = once(child, "exit");
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await exited;
  };
  atEnd(t, kill);
  return {
    notices,
    get isRunning() {
      return isRunning();
    },
    signal: (signal) => void child.kill(signal),
    kill,
  };
}
