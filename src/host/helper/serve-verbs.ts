import type { Server, Socket } from "node:net";
import { HostError } from "../../agent/ports.ts";
import {
  type Answer,
  decodeLine,
  encodeLine,
  MAX_REQUEST_BYTES,
  PROTOCOL,
  type Request,
  toWireError,
} from "./wire.ts";

/** Tells an event of a stream. */
export type Tell = (event: unknown) => void;

export interface Verb {
  /** Changes the node: one at a time. */
  readonly changes: boolean;
  run(args: Request["args"], signal: AbortSignal, tell: Tell): Promise<unknown>;
}

export type Verbs = Readonly<Record<string, Verb>>;

export interface ServeOptions {
  /** Without a connection for that long, `onIdle` is called; undefined: never. */
  readonly idleMs: number | undefined;
  readonly onIdle: () => void;
  /** What every request is answered with; undefined: they are carried out. */
  readonly refusal?: HostError;
}

const MAX_CONNECTIONS = 32;
const MAX_WAITING = 8;
const REQUEST_MS = 10_000;
/** An answer that nobody takes. */
const DRAIN_MS = 10_000;
const MAX_UNREAD_BYTES = 1024 * 1024;

/** Answers requests on a listening server. Resolves, once told to stop, when no change is under way any more. */
export function serveVerbs(
  server: Server,
  verbs: Verbs,
  { idleMs, onIdle, refusal }: ServeOptions,
): () => Promise<void> {
  const takeTurn = createTurns();
  const open = new Set<Socket>();
  let timer: NodeJS.Timeout | undefined;
  const rest = (): void => {
    clearTimeout(timer);
    if (idleMs !== undefined && open.size === 0) timer = setTimeout(onIdle, idleMs);
  };
  server.maxConnections = MAX_CONNECTIONS;
  server.on("connection", (socket) => {
    clearTimeout(timer);
    open.add(socket);
    socket.once("close", () => {
      open.delete(socket);
      rest();
    });
    converse(socket, refusal ?? verbs, takeTurn);
  });
  rest();
  return async () => {
    clearTimeout(timer);
    server.close();
    await takeTurn(async () => {}).catch(() => undefined);
    for (const socket of open) socket.destroySoon();
  };
}

type TakeTurn = <T>(work: () => Promise<T>) => Promise<T>;

function createTurns(): TakeTurn {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return async (work) => {
    if (waiting >= MAX_WAITING) {
      const message = "the root helper has too much to do at once; the next pass asks again";
      throw new HostError("helper-busy", "", message, { retryable: true });
    }
    waiting++;
    const turn = last.then(work).finally(() => waiting--);
    last = turn.catch(() => undefined);
    return turn;
  };
}

function converse(socket: Socket, verbs: Verbs | HostError, takeTurn: TakeTurn): void {
  const abort = new AbortController();
  const late = setTimeout(() => socket.destroy(), REQUEST_MS);
  const chunks: Buffer[] = [];
  let size = 0;
  let isComplete = false;
  socket.on("error", () => socket.destroy());
  socket.once("close", () => {
    clearTimeout(late);
    abort.abort(new Error("whoever asked has gone"));
  });
  // Who has said everything may close: that takes the request back.
  socket.once("end", () => socket.destroy());
  const send = (answer: Answer): void => {
    if (socket.destroyed) return;
    socket.write(encodeLine(answer));
    if ("event" in answer && socket.writableLength > MAX_UNREAD_BYTES) socket.destroy();
  };
  const answer = async (line: string): Promise<void> => {
    try {
      const value = await carryOut(line, verbs, takeTurn, abort.signal, (event) =>
        send({ protocol: PROTOCOL, event }),
      );
      send({ protocol: PROTOCOL, ok: true, ...(value === undefined ? {} : { value }) });
    } catch (error) {
      send({ protocol: PROTOCOL, ok: false, error: toWireError(error) });
    }
    socket.end();
    setTimeout(() => socket.destroy(), DRAIN_MS).unref();
  };
  socket.on("data", (chunk: Buffer) => {
    if (isComplete) return;
    chunks.push(chunk);
    size += chunk.length;
    const end = chunk.indexOf(0x0a);
    if (end === -1 && size <= MAX_REQUEST_BYTES) return;
    isComplete = true;
    clearTimeout(late);
    const length = size - chunk.length + end;
    const isWhole = end !== -1 && length <= MAX_REQUEST_BYTES;
    void answer(isWhole ? Buffer.concat(chunks).toString("utf8", 0, length) : "");
  });
}

async function carryOut(
  line: string,
  verbs: Verbs | HostError,
  takeTurn: TakeTurn,
  signal: AbortSignal,
  tell: Tell,
): Promise<unknown> {
  const { verb: name, args } = readRequest(line);
  if (verbs instanceof HostError) throw verbs;
  const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (verb === undefined) throw malformed(`it knows no verb ${JSON.stringify(name.slice(0, 40))}`);
  const run = (): Promise<unknown> => verb.run(args, signal, tell);
  if (!verb.changes) return run();
  return takeTurn(async () => {
    // Taken back while it waited.
    signal.throwIfAborted();
    return run();
  });
}

function readRequest(line: string): Request {
  const request = decode(line);
  const { protocol, verb, args } = request;
  if (protocol !== PROTOCOL) {
    const message = `agent and root helper are of different releases (protocol ${String(protocol).slice(0, 10)} and ${PROTOCOL}): one of them was replaced and has not been started again: systemctl restart mirrorlet.service`;
    throw new HostError("helper-version", "", message, { retryable: true });
  }
  if (typeof verb !== "string" || typeof args !== "object" || args === null || Array.isArray(args))
    throw malformed("verb or args are missing");
  return { protocol, verb, args: args as Request["args"] };
}

function decode(line: string): Partial<Record<keyof Request, unknown>> {
  try {
    const value = decodeLine(line);
    if (typeof value === "object" && value !== null) return value;
  } catch {
    // Said below.
  }
  throw malformed("a request is one line of JSON of 6 MiB at most");
}

/** A request that no agent of ours makes. */
export function malformed(why: string): HostError {
  return new HostError("helper-refused", "", `the root helper refused a request: ${why}`, {
    retryable: false,
  });
}
