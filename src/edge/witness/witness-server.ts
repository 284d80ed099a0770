import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createServer, type Server, type Socket } from "node:net";
import { readTraceparent } from "../../core/evidence/read-traceparent.ts";
import { readWitnessRequest } from "../../core/evidence/read-witness-request.ts";
import { createHandshakeBudget } from "./handshake-budget.ts";
import type { HitQueue } from "./hit-queue.ts";
import { createVisitors, type PeerOwners, type Visitor } from "./visitors.ts";
import type { WitnessTask } from "./witness-messages.ts";

/*
 * What holds for every connection:
 *   answered within milliseconds, with 404 and never with a challenge, whoever asks · counted only when the far end's
 *   socket is a trusted user's · one request, then closed, so that an agent that is frozen later leaves no connection
 *   behind that containerd would go on to use · gone after five seconds
 */

/** The listener of the witness, not yet bound. */
export function createWitnessServer(
  { address, identity, trusted }: WitnessTask,
  owners: PeerOwners,
  queue: Pick<HitQueue, "add" | "lose">,
): Server {
  const budget = createHandshakeBudget(() => performance.now());
  const maxWaitMs = (): number => (budget.isFlood() ? MAX_WAIT_IN_FLOOD_MS : MAX_WAIT_MS);
  /** Those whose request has come, or is counted as lost. */
  const settled = new WeakSet<Visitor>();
  const turnAway = async (visitor: Visitor): Promise<void> => {
    visitor.socket.destroy();
    if (settled.has(visitor)) return;
    settled.add(visitor);
    if ((await visitor.trusted) !== false) queue.lose();
  };
  const visitors = createVisitors(owners, trusted, (visitor) => void turnAway(visitor));
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const visitor = visitors.find(request.socket);
    if (visitor === undefined) return;
    settled.add(visitor);
    response.on("error", () => {});
    // Before the answer: Go may close the connection at once, and a closed one has no owner any more.
    const owner = await atMost(visitor.trusted, maxWaitMs());
    const hit = hitOf(request, address);
    // A node too busy to tell in time is believed: a fallback that is not told would pass for a pull from the mirror.
    const counts = owner === true || (owner === "late" && !budget.isFlood());
    if (hit !== undefined && counts) queue.add({ atMs: Date.now(), ...hit });
    else if (hit !== undefined && owner !== false) queue.lose();
    if (takesNotFoundForTruth(request)) visitor.socket.resetAndDestroy();
    else answerNotFound(response);
  };
  const https = createHttpsServer(
    {
      cert: identity.certificate,
      key: identity.key,
      minVersion: "TLSv1.2",
      ALPNProtocols: ["http/1.1"],
      maxHeaderSize: MAX_HEADER_BYTES,
    },
    (request, response) => void serve(request, response),
  );
  https.on("tlsClientError", (_error, socket) => socket.destroy());
  https.on("clientError", (_error, socket) => socket.destroy());
  const receive = async (socket: Socket): Promise<void> => {
    const visitor = visitors.admit(socket);
    if (visitor === undefined) socket.destroy();
    else if (!budget.take() && (await atMost(visitor.trusted, maxWaitMs())) !== true) await turnAway(visitor);
    else if (!socket.destroyed) https.emit("connection", socket);
    // containerd that does not trust our certificate goes on to the upstream, and nobody is told of what it wanted.
    if (visitor !== undefined) socket.once("close", () => void turnAway(visitor));
  };
  return createServer({ noDelay: true, pauseOnConnect: true }, (socket) => void receive(socket));
}

/** Headers that config.toml has containerd send to every host are among them, and may hold tokens. */
const MAX_HEADER_BYTES = 32 * 1024;

/**
 * It takes some 5 ms to know whose a connection is, part of them during the handshake. What is not known after so long
 * is not waited for: a pull must not go on late.
 */
const MAX_WAIT_MS = 500;
const MAX_WAIT_IN_FLOOD_MS = 50;

function answerNotFound(response: ServerResponse): void {
  response.writeHead(404, {
    "content-length": 0,
    "docker-distribution-api-version": "registry/2.0",
    "cache-control": "no-store",
    connection: "close",
  });
  response.end();
}

/** The agent's own questions are no pulls. */
function hitOf({ method = "", url = "", headers }: IncomingMessage, address: string) {
  const isOurs = headers["user-agent"]?.startsWith("mirrorlet") === true;
  const asked = isOurs ? undefined : readWitnessRequest(method, url, address);
  const traceId = readTraceparent(headers["traceparent"]?.toString());
  return asked === undefined || traceId === undefined ? asked : { ...asked, traceId };
}

/**
 * When every host fails, containerd 2 tells of a 404 rather than of a refused connection: a 404 from here would turn
 * "the mirror is down" into "not found". A connection that ends without an answer says nothing, so the mirror's own
 * error is told. (containerd 1 tells the first error that is no 404.)
 * Source: containerd `core/remotes/docker/resolver.go`, `firstErrPriority`.
 */
function takesNotFoundForTruth({ method, headers }: IncomingMessage): boolean {
  const major = /^containerd\/v?(\d+)\./.exec(headers["user-agent"] ?? "")?.[1];
  return method === "HEAD" && major !== undefined && Number(major) >= 2;
}

async function atMost<T>(promise: Promise<T>, ms: number): Promise<T | "late"> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(() => resolve("late"), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
