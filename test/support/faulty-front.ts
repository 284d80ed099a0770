import { request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { type LabServer, type ServerTls, startServer } from "./lab-server.ts";
import { type RecordedRequest, recordRequest } from "./recorded-request.ts";

/** What goes wrong with a request on its way to a registry, or with the answer on its way back. */
export type Fault =
  /** Answered in front of the registry; the body is read first, as nginx does. */
  | {
      readonly kind: "status";
      readonly status: number;
      readonly headers?: HeaderValues;
      readonly body?: string;
    }
  /** The connection is reset once so many bytes of the body have come, which the registry gets. */
  | { readonly kind: "reset"; readonly afterBytes: number }
  /** The connection ends once so many bytes of the answer's body have gone out. */
  | { readonly kind: "cut-answer"; readonly afterBytes: number }
  /** The answer's body with bytes of it changed. */
  | { readonly kind: "change-answer"; readonly change: (chunk: Buffer) => Buffer }
  /** The registry does what it is asked, and its answer is lost. */
  | { readonly kind: "lose-answer" }
  /** Nobody ever answers. */
  | { readonly kind: "hang" }
  /** The registry's answer with other headers. */
  | { readonly kind: "headers"; readonly change: (headers: HeaderValues) => HeaderValues };

type HeaderValues = Readonly<Record<string, string>>;

export interface FaultRule {
  readonly method?: string;
  readonly path?: RegExp;
  readonly parameter?: string;
  /** Only for bodies that are longer. */
  readonly overBytes?: number;
  /** How many requests it applies to; all when absent. */
  readonly times?: number;
  readonly does: Fault;
}

/** A registry's front that lets everything pass but what a rule fits; the first rule that does counts. */
export interface FaultyFront {
  readonly url: string;
  readonly host: string;
  script(...rules: readonly FaultRule[]): void;
  requests(): readonly RecordedRequest[];
  clearRequests(): void;
  stop(): Promise<void>;
  /** After `stop`: it listens where it did before. */
  start(): Promise<void>;
}

export async function startFaultyFront(target: string, tls?: ServerTls): Promise<FaultyFront> {
  let rules: { rule: FaultRule; left: number }[] = [];
  let records: RecordedRequest[] = [];
  const sockets = new Map<number, Socket>();
  const server: LabServer = await startServer((request, response) => {
    const record = recordRequest(request);
    records.push(record);
    const found = rules.find(({ rule, left }) => left > 0 && fits(rule, record));
    if (found !== undefined) found.left--;
    const reset = (): void => void sockets.get(request.socket.remotePort ?? 0)?.resetAndDestroy();
    handle(request, response, { target, record, fault: found?.rule.does, reset });
  }, tls);
  server.server.on("connection", (socket) => sockets.set(socket.remotePort ?? 0, socket));
  return {
    url: server.url,
    host: server.host,
    script: (...wanted) => {
      rules = wanted.map((rule) => ({ rule, left: rule.times ?? Number.POSITIVE_INFINITY }));
    },
    requests: () => records,
    clearRequests: () => {
      records = [];
    },
    stop: server.close,
    start: server.open,
  };
}

function fits({ method, path, parameter, overBytes = -1 }: FaultRule, record: RecordedRequest): boolean {
  if (method !== undefined && method !== record.method) return false;
  if (path !== undefined && !path.test(record.path)) return false;
  if (parameter !== undefined && !Object.hasOwn(record.query, parameter)) return false;
  return Number(record.headers["content-length"] ?? 0) > overBytes;
}

interface Handling {
  readonly target: string;
  readonly record: RecordedRequest;
  readonly fault: Fault | undefined;
  readonly reset: () => void;
}

function handle(
  request: IncomingMessage,
  response: ServerResponse,
  { target, record, fault, reset }: Handling,
): void {
  if (fault?.kind === "hang") return void request.resume();
  if (fault?.kind === "status") {
    record.status = fault.status;
    request.resume().on("end", () => response.writeHead(fault.status, fault.headers).end(fault.body));
    return;
  }
  const onward = httpRequest(target + request.url, {
    method: request.method ?? "GET",
    headers: request.headers,
    agent: false,
  });
  onward.on("error", () => reset());
  onward.on("response", (reply) => {
    record.status = reply.statusCode ?? 0;
    if (fault?.kind === "lose-answer") {
      reply.resume().on("close", reset);
      return;
    }
    const headers = reply.headers as HeaderValues;
    response.writeHead(record.status, fault?.kind === "headers" ? fault.change(headers) : headers);
    if (fault?.kind === "cut-answer") {
      reply.on("error", () => {});
      return void cutAnswer(reply, response, fault.afterBytes);
    }
    reply.on("error", reset);
    if (fault?.kind === "change-answer") {
      reply.on("data", (chunk: Buffer) => response.write(fault.change(chunk)));
      reply.on("end", () => response.end());
      return;
    }
    reply.pipe(response);
  });
  if (fault?.kind !== "reset") return void request.pipe(onward);
  let seen = 0;
  request.on("data", (chunk: Buffer) => {
    seen += chunk.length;
    onward.write(chunk);
    if (seen < fault.afterBytes) return;
    reset();
    onward.destroy();
  });
}

/** Its end comes after what has gone out: a reset would take with it what has not been read. */
function cutAnswer(reply: IncomingMessage, response: ServerResponse, afterBytes: number) {
  let left = afterBytes;
  reply.on("data", (chunk: Buffer) => {
    const piece = chunk.subarray(0, left);
    left -= piece.length;
    response.write(piece);
    if (left > 0) return;
    reply.destroy();
    response.socket?.destroySoon();
  });
  reply.on("end", () => response.end());
}
