import { spawn, spawnSync } from "node:child_process";

/**
 * The kernel's lock on an open file, through flock(1): Node has no flock(2). The lock belongs to the open file, which
 * the child shares with us and leaves behind; it ends when the descriptor is closed, however this process ends. `words`:
 * why the program does not work.
 */
export type Flock = { readonly is: "held" | "taken" } | { readonly is: "broken"; readonly words: string };

/** At once or not at all; waits for the program only. */
export function takeFlock(descriptor: number): Flock {
  const run = spawnSync(FLOCK, ["--exclusive", "--nonblock", "3"], {
    ...childOptions(descriptor),
    timeout: 10_000,
    encoding: "utf8",
  });
  return judge(run.status, run.error?.message ?? run.stderr.trim());
}

/** Waits until nobody else has it. `taken`: that did not come to pass in time. */
export function awaitFlock(descriptor: number, timeoutMs: number): Promise<Flock> {
  const seconds = (timeoutMs / 1000).toFixed(3);
  return new Promise((resolve) => {
    const child = spawn(FLOCK, ["--exclusive", "--timeout", seconds, "3"], childOptions(descriptor));
    let words = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      words += chunk.toString().slice(0, 1_000);
    });
    child.once("error", ({ message }) => resolve(judge(null, message)));
    child.once("close", (status) => resolve(judge(status, words.trim())));
  });
}

/** From package util-linux. */
export const FLOCK = "/usr/bin/flock";

function childOptions(descriptor: number) {
  return { stdio: ["ignore", "ignore", "pipe", descriptor] as ["ignore", "ignore", "pipe", number], env: {} };
}

function judge(status: number | null, words: string): Flock {
  if (status === 0) return { is: "held" };
  return status === 1 ? { is: "taken" } : { is: "broken", words };
}
