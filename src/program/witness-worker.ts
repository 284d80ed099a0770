import type { Server } from "node:net";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";

import { createHitQueue } from "../edge/witness/hit-queue.ts";
import { watchStalls } from "../edge/witness/watch-stalls.ts";
import type { FromWitness, ToWitness, WitnessTask } from "../edge/witness/witness-messages.ts";
import { createWitnessServer } from "../edge/witness/witness-server.ts";
import { createPeerOwners } from "../host/peer-owner.ts";

/*
 * The program of the witness' thread, and its composition root. Nothing imports it, it is started by its file: it must
 * stay a file of its own where the rest is bundled. `witness-worker-file.ts` knows where it is.
 */

const BIND_AGAIN_MS = 5000;
/** Of a processor, while there is a flood; pulls come nowhere near it. */
const SHARE_FOR_OWNERS = 0.5;
const LOOK_MS = 1000;
/** containerd waits ten seconds for a handshake. */
const STALL_MS = 5000;

function run(port: MessagePort, task: WitnessTask): void {
  const post = (message: FromWitness): void => port.postMessage(message);
  const queue = createHitQueue(post);
  const server = createWitnessServer(task, createPeerOwners(SHARE_FOR_OWNERS), queue);
  // Who came meanwhile has gone on without an answer.
  watchStalls(LOOK_MS, STALL_MS, queue.lose);
  port.on("message", (message: ToWitness) => {
    if (message.kind === "taken") queue.taken();
    else post({ kind: "pong", id: message.id });
  });
  server.on("listening", () => post({ kind: "listening" }));
  server.on("error", (error: NodeJS.ErrnoException) => {
    post({ kind: "unbound", message: explain(error, task.address) });
    setTimeout(() => bind(server, task.address), BIND_AGAIN_MS);
  });
  bind(server, task.address);
}

function bind(server: Server, address: string): void {
  const [host, port] = address.split(":");
  server.listen(Number(port), host);
}

function explain({ code, message }: NodeJS.ErrnoException, address: string): string {
  const why =
    code === "EADDRINUSE"
      ? "another program listens there (ss -ltnp shows which)"
      : code === "EACCES"
        ? "ports below 1024 need root or CAP_NET_BIND_SERVICE"
        : message;
  return `cannot listen on ${address}: ${why}; what mirrors do not serve goes unseen until that is put right, or evidence.witness_address is another one`;
}

if (parentPort !== null) run(parentPort, workerData as WitnessTask);
