import type { Server } from "node:net";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { createHitQueue } from "./hit-queue.ts";
import { watchStalls } from "./watch-stalls.ts";
import type { FromWitness, ToWitness, WitnessTask } from "./witness-messages.ts";
import { createWitnessServer } from "./witness-server.ts";

/* The thread of the witness: no import of it is needed anywhere, it is started by its file. */

const BIND_AGAIN_MS = 5000;
const LOOK_MS = 1000;
/** containerd waits ten seconds for a handshake. */
const STALL_MS = 5000;

function run(port: MessagePort, task: WitnessTask): void {
  const post = (message: FromWitness): void => port.postMessage(message);
  const queue = createHitQueue(post);
  const server = createWitnessServer(task, queue);
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
