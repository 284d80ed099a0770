import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type LabPart, labPart } from "./lab-parts.ts";

const run = promisify(execFile);

/** Tools of others that make bundles, each from images in a registry of the lab without TLS and login. */
export interface BundleTools {
  skopeo(...args: readonly string[]): Promise<string>;
  crane(...args: readonly string[]): Promise<string>;
  oras(...args: readonly string[]): Promise<string>;
}

/** `folder` is where they put what they need besides. */
export async function bundleTools(folder: string): Promise<BundleTools> {
  const home = join(folder, "home");
  await mkdir(home, { recursive: true });
  const tool = (part: LabPart, before: readonly string[]) => {
    return async (...args: readonly string[]): Promise<string> => {
      const bin = await labPart(part);
      const env = { PATH: "/usr/bin:/bin", HOME: home, TMPDIR: folder, LD_LIBRARY_PATH: join(bin, "../lib") };
      const { stdout } = await run(join(bin, part), [...before, ...args], {
        env,
        cwd: folder,
        timeout: 60_000,
      });
      return stdout;
    };
  };
  return {
    skopeo: tool("skopeo", ["--insecure-policy", "--tmpdir", folder]),
    crane: tool("crane", ["--insecure"]),
    oras: tool("oras", []),
  };
}
