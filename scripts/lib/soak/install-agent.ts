import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { BootedNode } from "../../../test/support/booted-node.ts";

/** How the agent got onto the node. */
export interface Installed {
  readonly how: "package" | "copy of dist/";
  /** The command line, on the node. */
  readonly command: string;
}

const ROOT = join(import.meta.dirname, "../../..");

const AGENT_TOML = `[evidence]
probe_interval = "10s"
canary_interval = "30s"
`;

/** The package, as it is built from this checkout. */
export async function installAgent(node: BootedNode): Promise<Installed> {
  await mkdir(node.path("/etc/mirrorlet"), { recursive: true });
  if (!existsSync(join(ROOT, "scripts/build-deb"))) return copyAgent(node);
  const out = await mkdtemp(join(tmpdir(), "mirrorlet-deb-"));
  try {
    await promisify(execFile)(join(ROOT, "scripts/build-deb"), ["--out", out], { timeout: 300_000 });
    const [deb] = (await readdir(out)).filter((name) => name.endsWith(".deb"));
    if (deb === undefined) throw new Error("scripts/build-deb made no package");
    await copyFile(join(out, deb), node.path("/root/mirrorlet.deb"));
    await node.must("dpkg --install /root/mirrorlet.deb", 120_000);
    await writeFile(node.path("/etc/mirrorlet/agent.toml"), AGENT_TOML);
    await node.must("systemctl restart mirrorlet");
    return { how: "package", command: "/usr/bin/mirrorlet" };
  } finally {
    await rm(out, { recursive: true });
  }
}

/** Without a package: the compiled program under this process' own runtime, as root. */
async function copyAgent(node: BootedNode): Promise<Installed> {
  const lib = node.path("/usr/lib/mirrorlet");
  await mkdir(lib, { recursive: true });
  for (const name of ["dist", "proto", "node_modules"])
    await cp(join(ROOT, name), join(lib, name), { recursive: true, verbatimSymlinks: true });
  await copyFile(join(ROOT, "package.json"), join(lib, "package.json"));
  await copyFile(process.execPath, join(lib, "node"));
  await writeFile(node.path("/etc/mirrorlet/agent.toml"), AGENT_TOML);
  await writeFile(node.path("/usr/bin/mirrorlet"), WRAPPER, { mode: 0o755 });
  const units = node.path("/etc/systemd/system");
  await copyFile(join(ROOT, "systemd/mirrorlet.service"), join(units, "mirrorlet.service"));
  await mkdir(join(units, "mirrorlet.service.d"), { recursive: true });
  await copyFile(join(ROOT, "systemd/rooted.conf"), join(units, "mirrorlet.service.d/rooted.conf"));
  await writeFile(join(units, "mirrorlet.service.d/z.conf"), DROP_IN);
  await node.must("systemctl daemon-reload && systemctl enable --now mirrorlet");
  return { how: "copy of dist/", command: "/usr/bin/mirrorlet" };
}

const WRAPPER = `#!/bin/sh
exec /usr/lib/mirrorlet/node /usr/lib/mirrorlet/dist/main.js "$@"
`;

const DROP_IN = `[Service]
UnsetEnvironment=MIRRORLET_HELPER
ExecStart=
ExecStart=/usr/lib/mirrorlet/node --max-semi-space-size=1 /usr/lib/mirrorlet/dist/main.js agent
`;
