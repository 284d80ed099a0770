import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { BootedNode } from "../../../test/support/booted-node.ts";

/** How the agent got onto the node. */
export interface Installed {
  readonly how: string;
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
  const out = await mkdtemp(join(tmpdir(), "mirrorlet-deb-"));
  try {
    await promisify(execFile)(join(ROOT, "scripts/build-deb"), ["--fast", "--out", out], {
      timeout: 300_000,
    });
    const [deb] = (await readdir(out)).filter((name) => name.endsWith(".deb"));
    if (deb === undefined) throw new Error("scripts/build-deb made no package");
    await copyFile(join(out, deb), node.path("/root/mirrorlet.deb"));
    await node.must("dpkg --install /root/mirrorlet.deb", 120_000);
    await writeFile(node.path("/etc/mirrorlet/agent.toml"), AGENT_TOML);
    await node.must("systemctl restart mirrorlet");
    return { how: deb, command: "/usr/bin/mirrorlet" };
  } finally {
    await rm(out, { recursive: true });
  }
}
