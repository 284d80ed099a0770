import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { findFreePort } from "./free-port.ts";
import { labPart } from "./lab-parts.ts";
import { leaseDirectory } from "./leased-directory.ts";
import { WAIT_LIMIT_MS } from "./wait-limit.ts";

export interface CraneRegistry {
  readonly url: string;
  stop(): Promise<void>;
}

/** `crane registry serve`: a registry that never mounts, and answers 204 where others answer 202. */
export async function startCraneRegistry(): Promise<CraneRegistry> {
  const bin = await labPart("crane");
  const lease = await leaseDirectory("crane");
  const port = await findFreePort();
  const disk = join(lease.path, "disk");
  await mkdir(disk);
  const start =
    'echo $$ >"$1/pids/registry"; exec "$2" registry serve --address "127.0.0.1:$3" --disk "$1/disk"';
  const child = spawn("/bin/sh", ["-c", start, "lab", lease.path, join(bin, "crane"), String(port)], {
    cwd: "/",
    detached: true,
    env: { PATH: "/usr/bin:/bin" },
    stdio: "ignore",
  });
  child.unref();
  const url = `http://127.0.0.1:${port}`;
  for (let attempt = 0; attempt < WAIT_LIMIT_MS / 20; attempt++) {
    const answers = await fetch(`${url}/v2/`).catch(() => undefined);
    if (answers?.ok === true) return { url, stop: () => lease.release() };
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await lease.release();
  throw new Error("crane registry serve does not answer");
}
