import { appendFile } from "node:fs/promises";
import type { LabContainerd } from "../../../support/containerd.ts";
import type { LabAgent } from "../../support/lab-agent.ts";
import { prepareNode } from "../../support/lab-node.ts";
import { CHANNEL, FLEET, type FleetLab } from "./fleet-lab.ts";

/** A real agent on a containerd of the lab that a fleet's feed leads. */
export interface FleetAgent {
  readonly id: string;
  readonly agent: LabAgent;
  /** How often a pass brought that generation into force. */
  applied(generation: number): number;
}

export async function startFleetAgent(lab: FleetLab, daemon: LabContainerd, id: string): Promise<FleetAgent> {
  const node = await prepareNode(daemon, { settings: { preflight: '"off"' } });
  const { cert, key } = await lab.issueNode(id);
  const put = async (name: string, text: string) => JSON.stringify(await node.put(name, text));
  await appendFile(
    node.agentToml,
    `[node]
id = "${id}"
fleet = "${FLEET}"
channel = "${CHANNEL}"
labels = ["fleet=lab"]
[feed]
address = "127.0.0.1:${lab.port}"
ca = ${await put("feed-ca.pem", lab.ca)}
cert = ${await put("feed.pem", cert)}
key = ${await put("feed.key", key)}
[trust]
keys = [${await put("trust.pub", lab.trust)}]
`,
  );
  const agent = await node.startAgent();
  return {
    id,
    agent,
    applied: (generation) =>
      agent.log().match(new RegExp(`"outcome":"applied","generation":${generation}[,}]`, "g"))?.length ?? 0,
  };
}
