import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import type { BootedNode } from "../../../test/support/booted-node.ts";
import { builtPackage } from "../../../test/support/built-package.ts";

/** How the agent got onto the node. */
export interface Installed {
  readonly how: string;
  /** The command line, on the node. */
  readonly command: string;
}

const AGENT_TOML = `[evidence]
probe_interval = "10s"
canary_interval = "30s"
`;

/** The package, as it is built from this checkout. */
export async function installAgent(node: BootedNode): Promise<Installed> {
  const deb = await builtPackage();
  await mkdir(node.path("/etc/mirrorlet"), { recursive: true });
  await copyFile(deb, node.path("/root/mirrorlet.deb"));
  await node.must("dpkg --install /root/mirrorlet.deb && rm /root/mirrorlet.deb", 120_000);
  await writeFile(node.path("/etc/mirrorlet/agent.toml"), AGENT_TOML);
  await node.must("systemctl restart mirrorlet");
  return { how: basename(deb), command: "/usr/bin/mirrorlet" };
}
