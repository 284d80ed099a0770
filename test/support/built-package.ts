import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { labCache } from "./lab-parts.ts";

/** Why the package cannot be built here, for the `skip` option of a test; undefined when it can. */
export function packageSkipReason(): string | undefined {
  if (process.arch !== "x64") return "the package is built on amd64";
  const missing = ["dpkg-deb", "strip", "flock"].filter((tool) => !existsSync(`/usr/bin/${tool}`));
  return missing.length === 0 ? undefined : `these programs are missing: ${missing.join(", ")}`;
}

/** The package of the sources as they are now; built by the first test that asks, and kept in the lab's cache. */
export async function builtPackage(): Promise<string> {
  const cache = join(labCache(), "package");
  await mkdir(cache, { recursive: true });
  const out = join(cache, await hashSources());
  const build =
    'ls "$1"/*.deb 2>/dev/null && exit; find "$2" -maxdepth 1 -name "[0-9a-f]*" -mmin +120 -exec rm -rf {} +; scripts/build-deb --fast --out "$1.new" >&2 && mv -T "$1.new" "$1" && ls "$1"/*.deb';
  const args = ["-w", "600", join(cache, "lock"), "/bin/sh", "-c", build, "sh", out, cache];
  try {
    const { stdout } = await promisify(execFile)("flock", args, { timeout: 800_000 });
    return stdout.trim();
  } catch (error) {
    await rm(`${out}.new`, { recursive: true, force: true });
    throw error;
  }
}

const MADE_OF = [
  "src",
  "packaging",
  "systemd",
  "docs",
  "monitoring",
  "proto",
  "scripts",
  "README.md",
  "CHANGELOG.md",
  "package-lock.json",
];

async function hashSources(): Promise<string> {
  const listed = execFileSync("git", ["ls-files", "-coz", "--exclude-standard", "--", ...MADE_OF], {
    encoding: "utf8",
  });
  const hash = createHash("sha256");
  for (const path of listed.split("\0").filter((one) => one !== "" && existsSync(one)))
    hash.update(`${path}\0`).update(await readFile(path));
  return hash.digest("hex").slice(0, 16);
}
