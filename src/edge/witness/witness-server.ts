import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createServer, type Server, type Socket } from "node:net";
import { readWitnessRequest } from "../../core/evidence/read-witness-request.ts";
import { createHandshakeBudget } from "./handshake-budget.ts";
import type { HitQueue } from "./hit-queue.ts";
import { createPeerOwners } from "./peer-owners.ts";
import { createVisitors, type Visitor } from "./visitors.ts";
import type { WitnessTask } from "./witness-messages.ts";

/*
 * What holds for every connection:
 *   answered at once, with 404 and never with a challenge, whoever asks · counted only when the far end's socket is a
 *   trusted user's · closed by us as soon as it is known whose it is, so that an agent that is frozen later leaves no
 *   connection behind that containerd would go on to use · gone after five seconds
 */

/** The listener of the witness, not yet bound. */
export function createWitnessServer(task: WitnessTask, queue: Pick<HitQueue, "add" | "lose">): Server {
  const { address, identity, trusted } = task;
  const [host = "", port] = address.split(":");
  const visitors = createVisitors(createPeerOwners({ address: host, port: Number(port) }), trusted);
  const hasBudget = createHandshakeBudget(() => performance.now());
  const https = createHttpsServer(
    {
      cert: identity.certificate,
      key: identity.key,
      minVersion: "TLSv1.2",
      ALPNProtocols: ["http/1.1"],
      maxHeaderSize: MAX_HEADER_BYTES,
    },
    (request, response) => {
      const visitor = visitors.find(request.socket);
      if (visitor !== undefined) void serve(request, response, visitor, address, queue);
    },
  );
  https.on("tlsClientError", (_error, socket) => socket.destroy());
  https.on("clientError", (_error, socket) => socket.destroy());
  const receive = async (socket: Socket): Promise<void> => {
    const visitor = visitors.admit(socket);
    if (!hasBudget() && (await visitor.trusted) !== true) {
      if ((await visitor.trusted) === undefined) queue.lose();
      socket.destroy();
    } else if (!socket.destroyed) https.emit("connection", socket);
  };
  return createServer({ noDelay: true, pauseOnConnect: true }, (socket) => void receive(socket));
}

/** Headers that config.toml has containerd send to every host are among them, and may hold tokens. */
const MAX_HEADER_BYTES = 32 * 1024;

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  visitor: Visitor,
  address: string,
  queue: Pick<HitQueue, "add" | "lose">,
): Promise<void> {
  // We are closing it: containerd takes no answer for "try again".
  if (!request.socket.writable) return;
  const hit = readWitnessRequest(request.method ?? "", request.url ?? "", address);
  response.on("error", () => {});
  answerNotFound(request, response);
  const trusted = await visitor.trusted;
  if (hit !== undefined && trusted === true) queue.add({ atMs: Date.now(), ...hit });
  else if (hit !== undefined && trusted === undefined) queue.lose();
  request.socket.end();
}

/**
 * No body for containerd: it would leave it unread, for which Go closes the connection, and a closed one has no owner
 * any more.
 */
function answerNotFound(request: IncomingMessage, response: ServerResponse): void {
  const body = isContainerd(request) ? "" : NOTHING_HERE;
  // A body that nobody reads would be taken for the next request.
  if (!request.complete) response.setHeader("connection", "close");
  response.writeHead(404, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "docker-distribution-api-version": "registry/2.0",
    "cache-control": "no-store",
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes */
const NOTHING_HERE = `${JSON.stringify({
  errors: [{ code: "NAME_UNKNOWN", message: "this is mirrorlet's witness: it has nothing" }],
})}\n`;

function isContainerd(request: IncomingMessage): boolean {
  return request.headers["user-agent"]?.startsWith("containerd/") === true;
}
