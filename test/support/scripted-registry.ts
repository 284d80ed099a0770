import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { LabImage, LabObject } from "./image.ts";
import { type LabServer, type ServerTls, startServer } from "./lab-server.ts";
import { type RecordedRequest, recordRequest } from "./recorded-request.ts";

/** What a registry does with a request instead of answering it properly. */
export type Behaviour =
  | {
      readonly kind: "status";
      readonly status: number;
      readonly headers?: HeaderValues;
      readonly body?: string;
    }
  /** 200 with the page of a captive portal. */
  | { readonly kind: "html" }
  /** The proper answer, after a while. */
  | { readonly kind: "delay"; readonly ms: number }
  /** Takes the request and never answers. */
  | { readonly kind: "hang" }
  /** Ends the connection without an answer: with RST, or with FIN. */
  | { readonly kind: "reset" }
  | { readonly kind: "close" }
  /** The proper answer with headers replaced, or left out where undefined. */
  | { readonly kind: "headers"; readonly headers: Readonly<Record<string, string | undefined>> }
  /** The proper answer with another body, and a Content-Length to match: wrong bytes, a truncated cache. */
  | { readonly kind: "body"; readonly change: (bytes: Uint8Array) => Uint8Array }
  /** The proper headers, some bytes of the body, then nothing more: connection cut, or kept open. */
  | { readonly kind: "cut"; readonly afterBytes: number }
  | { readonly kind: "stall"; readonly afterBytes: number };

type HeaderValues = Readonly<Record<string, string>>;

export interface Rule {
  readonly method?: string;
  readonly path?: RegExp;
  /** A parameter that the query has. */
  readonly parameter?: string;
  /** How many requests it applies to; all when absent. */
  readonly times?: number;
  readonly does: Behaviour;
}

/** A registry that serves images from memory, except where a rule says otherwise. The first rule that fits counts. */
export interface ScriptedRegistry {
  readonly host: string;
  readonly url: string;
  put(repository: string, tag: string, image: LabImage): void;
  /** Replaces the rules. */
  script(...rules: readonly Rule[]): void;
  requests(): readonly RecordedRequest[];
  clearRequests(): void;
  setTls(tls: ServerTls): void;
  /** Stopped as a service is: its connections are cut, and new ones refused. */
  stop(): Promise<void>;
  /** After `stop`: it listens where it did before. */
  start(): Promise<void>;
}

export interface ScriptedRegistryOptions {
  readonly tls?: ServerTls;
  /** Loopback address to listen on. */
  readonly address?: string;
  /** Bytes that are not HTTP (a TLS hello on a plain port) end the connection, instead of getting a 400. */
  readonly closesOnGarbage?: boolean;
}

export async function startScriptedRegistry(
  options: ScriptedRegistryOptions = {},
): Promise<ScriptedRegistry> {
  const objects = new Map<string, LabObject>();
  let rules: { rule: Rule; left: number }[] = [];
  let records: RecordedRequest[] = [];
  const sockets = new Map<number, Socket>();
  const server: LabServer = await startServer(
    (request, response) => {
      const record = recordRequest(request);
      records.push(record);
      const found = rules.find(({ rule, left }) => left > 0 && fits(rule, record));
      if (found !== undefined) found.left--;
      const behaviour = found?.rule.does;
      if (behaviour?.kind === "reset") sockets.get(request.socket.remotePort ?? 0)?.resetAndDestroy();
      else answer(request, response, record, findObject(objects, record.path), behaviour);
    },
    options.tls,
    options.address,
  );
  // A TLS socket cannot send RST itself: the TCP socket below it can.
  server.server.on("connection", (socket) => sockets.set(socket.remotePort ?? 0, socket));
  if (options.closesOnGarbage === true) server.server.on("clientError", (_error, socket) => socket.destroy());
  return {
    host: server.host,
    url: server.url,
    put(repository, tag, image) {
      for (const blob of image.blobs) objects.set(`blobs/${blob.digest}`, blob);
      for (const manifest of image.manifests) {
        objects.set(`manifests/${manifest.digest}`, manifest);
        if (manifest.digest === image.digest) objects.set(`${repository}/manifests/${tag}`, manifest);
      }
    },
    script: (...wanted) => {
      rules = wanted.map((rule) => ({ rule, left: rule.times ?? Number.POSITIVE_INFINITY }));
    },
    requests: () => records,
    clearRequests: () => {
      records = [];
    },
    setTls: server.setTls,
    stop: server.close,
    start: server.open,
  };
}

function fits(rule: Rule, { method, path, query }: RecordedRequest): boolean {
  const { parameter } = rule;
  const hasQuery = parameter === undefined || Object.hasOwn(query, parameter);
  return (rule.method ?? method) === method && (rule.path?.test(path) ?? true) && hasQuery;
}

/** Under any path prefix: which one containerd asks for is up to the test. */
function findObject(objects: ReadonlyMap<string, LabObject>, path: string): LabObject | undefined {
  const [, before = "", rest = ""] = /^\/(.*)\/((?:manifests|blobs)\/[^/]+)$/.exec(path) ?? [];
  const exact = objects.get(rest);
  if (exact !== undefined) return exact;
  const parts = before.split("/");
  for (let from = 0; from < parts.length; from++) {
    const tagged = objects.get(`${parts.slice(from).join("/")}/${rest}`);
    if (tagged !== undefined) return tagged;
  }
  return undefined;
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  record: RecordedRequest,
  object: LabObject | undefined,
  behaviour: Behaviour | undefined,
): void {
  if (behaviour?.kind === "hang") return;
  if (behaviour?.kind === "delay")
    return void setTimeout(() => answer(request, response, record, object, undefined), behaviour.ms).unref();
  if (behaviour?.kind === "close") return void request.socket.destroy();
  const { status, headers, body } = reply(record, object, behaviour);
  record.status = status;
  response.writeHead(status, headers);
  if (behaviour?.kind !== "cut" && behaviour?.kind !== "stall") return void response.end(body);
  response.write(body.subarray(0, behaviour.afterBytes), () => {
    if (behaviour.kind === "cut") request.socket.destroy();
  });
}

interface Reply {
  readonly status: number;
  readonly headers: HeaderValues;
  readonly body: Uint8Array;
}

function reply(
  { path }: RecordedRequest,
  object: LabObject | undefined,
  behaviour: Behaviour | undefined,
): Reply {
  if (behaviour?.kind === "status")
    return text(behaviour.status, behaviour.body ?? "", behaviour.headers ?? {});
  if (behaviour?.kind === "html") return text(200, captivePortal, { "content-type": "text/html" });
  if (path === "/v2/") return text(200, "{}", { "content-type": "application/json" });
  if (object === undefined) return text(404, notFound, { "content-type": "application/json" });
  const body = behaviour?.kind === "body" ? behaviour.change(object.bytes) : object.bytes;
  return { status: 200, headers: objectHeaders(path, object, body, behaviour), body };
}

function text(status: number, body: string, headers: HeaderValues): Reply {
  return { status, headers, body: Buffer.from(body) };
}

const captivePortal = "<html><body>Please log in</body></html>\n";
const notFound = '{"errors":[{"code":"NOT_FOUND","message":"no such object"}]}';

function objectHeaders(path: string, object: LabObject, bytes: Uint8Array, behaviour: Behaviour | undefined) {
  const headers: Record<string, string | undefined> = {
    "content-type": path.includes("/blobs/") ? "application/octet-stream" : object.mediaType,
    "content-length": String(bytes.length),
    "docker-content-digest": object.digest,
    ...(behaviour?.kind === "headers" ? behaviour.headers : {}),
  };
  return Object.fromEntries(
    Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
