// The nodes proper; scripts/lab-fleet sets the machine up and starts this with the directory as argument.

import { readdirSync, readFileSync } from "node:fs";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { prepareNode } from "../test/e2e/support/lab-node.ts";
import { type Generation, startContainerd } from "../test/support/containerd.ts";
import { findFreePort } from "../test/support/free-port.ts";
import { buildImage } from "../test/support/image.ts";
import { copyImage } from "../test/support/push-image.ts";
import { startRegistry } from "../test/support/registry.ts";
import { type Origin, startOrigin } from "./lib/demo/origin.ts";
import { createUndo } from "./lib/demo/undo.ts";

const REPOSITORY = "kubernetes-e2e-test-images/nautilus";
const IMAGE = `gcr.io/${REPOSITORY}:1.0`;
/** In turn, so that a fleet has more than one. */
const GENERATIONS: readonly Generation[] = ["2.1", "1.7"];

const [directory = ""] = process.argv.slice(2);
const at = (name: string): string => join(directory, name);
const undo = createUndo();
const ended = new Promise<void>((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => resolve());
});
try {
  const said = await start();
  await writeFile(at("lab.ready.new"), said);
  await rename(at("lab.ready.new"), at("lab.ready"));
  await ended;
} catch (error) {
  process.exitCode = 1;
  process.stderr.write(`lab-fleet: ${error instanceof Error ? error.stack : String(error)}\n`);
} finally {
  await undo.all();
}

async function start(): Promise<string> {
  const image = buildImage({ layers: 1 });
  const origin = await startOrigin(REPOSITORY, "1.0", image);
  undo.add(() => origin.stop());
  const endpoints = [];
  for (const name of ["mirror-a", "mirror-b"]) {
    const registry = await startRegistry();
    undo.add(() => registry.stop());
    await copyImage(registry, REPOSITORY, "1.0", image);
    await writeFile(at(`${name}.yaml`), desiredState(registry.url, "allow"));
    endpoints.push(`${name} ${registry.url}`);
  }
  await writeFile(at("mirror-down.yaml"), desiredState(`http://127.0.0.1:${await findFreePort()}`, "never"));
  const nodes = readdirSync(at("nodes"))
    .filter((name) => name.endsWith(".pem"))
    .map((name) => name.slice(0, -".pem".length));
  await Promise.all(nodes.map((id, index) => startNode(id, index, origin)));
  return `${nodes.length} nodes run: ${nodes.join(", ")}; ${endpoints.join(", ")}\n`;
}

function desiredState(endpoint: string, upstream: "allow" | "never"): string {
  return `apiVersion: mirrorlet/v1
kind: RegistryMirrors
registryMirrors:
- endpoint: ${endpoint}
  hosts: [gcr.io]
upstream:
  gcr.io: ${upstream}
canaries: [${IMAGE}]
`;
}

/** With an agent.toml of its own, which is at nodes/ID.toml too. */
async function startNode(id: string, index: number, origin: Origin): Promise<void> {
  const generation = GENERATIONS[index % GENERATIONS.length] as Generation;
  const daemon = await startContainerd({ generation, ...origin.daemonOptions });
  undo.add(() => daemon.stop());
  const node = await prepareNode(daemon, { tracesPort: await findFreePort() });
  const put = async (name: string, from: string): Promise<string> =>
    JSON.stringify(await node.put(name, readFileSync(at(from))));
  const more = `${readFileSync(at("node.toml"), "utf8")}
[trust]
keys = [${await put("trust.pub", "trust.pub")}]
`;
  const files = `ca = ${await put("ca.pem", "ca.pem")}
cert = ${await put("node.pem", `nodes/${id}.pem`)}
key = ${await put("node.key", `nodes/${id}.key`)}`;
  const own = more.replace(/^\[feed\]$/m, `[feed]\n${files}`).replace(/^\[node\]$/m, `[node]\nid = "${id}"`);
  await writeFile(node.agentToml, `${await readFile(node.agentToml, "utf8")}${own}`);
  await writeFile(at(`nodes/${id}.toml`), await readFile(node.agentToml));
  // Switching them on restarts containerd, and a change with a restart is watched for two minutes before it has soaked.
  const agent = await node.startAgent({ MIRRORLET_EVIDENCE_TRACES: "false" });
  undo.add(() => agent.stop());
}
