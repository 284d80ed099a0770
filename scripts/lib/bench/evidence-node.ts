import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Generation, startContainerd } from "../../../test/support/containerd.ts";
import type { LabPull } from "../../../test/support/cri-client.ts";
import { findFreePort } from "../../../test/support/free-port.ts";
import { startAgent } from "../agent-process.ts";
import { timed } from "../timed.ts";
import { isApplied } from "./node.ts";

/** Which evidence the agent of a node gathers. */
export interface EvidenceChoice {
  readonly traces: boolean;
  readonly witness: boolean;
}

/** A containerd and an agent of its own, with gcr.io mirrored and its upstream closed. */
export interface EvidenceNode {
  readonly agentPid: number;
  readonly containerdVersion: string;
  /** A pull, and how long it took. */
  attempt(reference: string): Promise<{ readonly value: LabPull; readonly ms: number }>;
  /** A pull of everything, for the image is not left behind. Rejects when it fails. */
  pull(reference: string): Promise<number>;
  /** What the agent has seen so far: requests in traces, and requests that came to the witness. */
  seen(): Promise<number>;
  /** Sources of evidence that are up. */
  sources(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

const TIMEOUT_MS = 60_000;

export async function startEvidenceNode(
  generation: Generation,
  choice: EvidenceChoice,
  mirrorUrl: string,
): Promise<EvidenceNode> {
  const daemon = await startContainerd({ generation });
  try {
    const address = `127.0.0.1:${await findFreePort()}`;
    const [agentToml, wish] = ["agent.toml", "desired-state.yaml"].map((name) => join(daemon.dir, name)) as [
      string,
      string,
    ];
    const node = { daemon, address, wish };
    await writeFile(agentToml, await agentConfig(node, choice));
    await writeFile(wish, desiredState(mirrorUrl), { mode: 0o600 });
    const agent = await startAgent(daemon.dir, agentToml);
    await agent.waitFor(isApplied, 0, TIMEOUT_MS);
    const page = (): Promise<string> => readPage(`http://${address}/metrics`);
    const attempt = (reference: string) => timed(() => daemon.pull(reference));
    return {
      agentPid: agent.pid,
      containerdVersion: daemon.version.text.replace(/[^\d.].*$/, ""),
      attempt,
      async pull(reference) {
        const { value, ms } = await attempt(reference);
        if (!value.ok)
          throw new Error(`pull of ${reference} from containerd ${generation}: ${value.message}`);
        await daemon.removeImage(reference);
        return ms;
      },
      async seen() {
        const text = await page();
        return sum(text, "mirrorlet_pull_requests_total") + sum(text, "mirrorlet_pull_fallbacks_total");
      },
      async sources() {
        const found = (await page()).matchAll(/^mirrorlet_evidence_source_up\{source="(\w+)"\} 1$/gm);
        return [...found].map(([, source]) => source ?? "");
      },
      async stop() {
        await agent.stop();
        await daemon.stop();
      },
    };
  } catch (error) {
    await daemon.stop();
    throw error;
  }
}

interface Place {
  readonly daemon: Awaited<ReturnType<typeof startContainerd>>;
  readonly address: string;
  readonly wish: string;
}

/** No probes and no canaries: they have a timer of their own and are no part of a pull. */
async function agentConfig({ daemon, address, wish }: Place, { traces, witness }: EvidenceChoice) {
  const quote = (text: string): string => JSON.stringify(text);
  return `desired_state = ${quote(wish)}
state_dir = ${quote(join(daemon.dir, "agent-state"))}
preflight = "off"
credentials = "header"
[containerd]
config = ${quote(daemon.configPath)}
certs_d = ${quote(daemon.certsD)}
socket = ${quote(daemon.socket)}
binary = ${quote(daemon.binary)}
restart = ${JSON.stringify(daemon.restartCommand)}
${traces ? `environment_file = ${quote(join(daemon.etc, "environment"))}` : ""}
[http]
address = ${quote(address)}
[evidence]
traces = ${traces}
witness = ${witness}
${witness ? `witness_address = "127.0.0.1:${await findFreePort()}"` : ""}
canary_interval = "24h"
probe_interval = "24h"
`;
}

function desiredState(mirrorUrl: string): string {
  return JSON.stringify({
    apiVersion: "mirrorlet/v1",
    kind: "RegistryMirrors",
    registryMirrors: [{ endpoint: mirrorUrl, hosts: ["gcr.io"] }],
    upstream: { "gcr.io": "never" },
  });
}

async function readPage(url: string): Promise<string> {
  const response = await fetch(url, {
    signal: AbortSignal.timeout(10_000),
    headers: { connection: "close" },
  });
  return response.text();
}

/** Of all samples of a metric; 0 where the page has none. */
function sum(page: string, name: string): number {
  return [...page.matchAll(new RegExp(`^${name}\\{.*\\} (\\S+)$`, "gm"))]
    .map(([, value]) => Number(value))
    .reduce((total, value) => total + value, 0);
}
