import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { NodesAnswer, NodesOrder } from "./simulate-nodes.ts";

/** PEM. */
export interface BenchTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** A process full of nodes, with an authority of its own. */
export interface SimulatedNodes {
  readonly child: ChildProcess;
  /** For the server. */
  readonly tls: BenchTls;
  order(order: NodesOrder): Promise<NodesAnswer>;
}

export async function startNodes(): Promise<SimulatedNodes> {
  const child = fork(join(import.meta.dirname, "simulate-nodes.ts"), { execArgv: ["--import", "tsx"] });
  const [tls] = (await once(child, "message")) as [BenchTls];
  return {
    child,
    tls,
    async order(order) {
      child.send(order);
      const [answer] = (await once(child, "message")) as [NodesAnswer];
      return answer;
    },
  };
}
