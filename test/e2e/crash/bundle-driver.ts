import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const project = join(import.meta.dirname, "../../..");

export interface Driver {
  readonly path: string;
  remove(): Promise<void>;
}

/** The driver in one file: it starts in a fraction of the time, and hundreds of starts are wanted. */
export async function bundleDriver(): Promise<Driver> {
  const modules = join(project, "node_modules");
  await mkdir(join(modules, ".cache"), { recursive: true });
  const directory = await mkdtemp(join(modules, ".cache/crash-driver-"));
  const path = join(directory, "driver.mjs");
  await promisify(execFile)(
    join(modules, ".bin/esbuild"),
    [
      join(import.meta.dirname, "pass-driver.ts"),
      "--bundle",
      "--platform=node",
      "--format=esm",
      "--external:@grpc/*",
      // The library asks for node's modules with require.
      "--banner:js=import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
      `--define:import.meta.dirname=${JSON.stringify(join(project, "src/host"))}`,
      `--outfile=${path}`,
    ],
    { cwd: project },
  );
  return { path, remove: () => rm(directory, { recursive: true, force: true }) };
}
