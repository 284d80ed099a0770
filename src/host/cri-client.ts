import type { Client, MethodDefinition } from "@grpc/grpc-js";
import { loadProtocols } from "./load-protocols.ts";

/** A gRPC call that failed. `code` is gRPC's name for it: `UNAVAILABLE`, `NOT_FOUND`, … */
export class CallError extends Error {
  override readonly name = "CallError";
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** What to tell of a call that failed. */
export function wordsOf(error: unknown): string {
  if (error instanceof CallError) return `${error.message} (${error.code})`;
  return error instanceof Error ? error.message : String(error);
}

export interface CallOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** One unary call, `runtime.v1.RuntimeService/Version`; rejects with CallError. */
export type Call = (method: string, request: object, options: CallOptions) => Promise<unknown>;

/** A call with a stream of answers, each given to `onReply`; resolves when the server ends it, else rejects with CallError. */
export type Listen = (
  method: string,
  request: object,
  onReply: (reply: unknown) => void,
  signal: AbortSignal,
) => Promise<void>;

export type Connect = <T>(use: (call: Call, listen: Listen) => Promise<T>) => Promise<T>;

/**
 * gRPC to containerd's socket. The library and the protocol are loaded at the first call, and a connection lives
 * as long as `use`: an idle agent keeps no channel, and a fresh one after a restart of containerd does not sit
 * out the reconnect delay of an old one.
 */
export function createCriClient(socket: string): Connect {
  let library: Promise<Library> | undefined;
  return async (use) => {
    library ??= loadLibrary();
    const { grpc, methods } = await library;
    const client = new grpc.Client(`unix:${socket}`, grpc.credentials.createInsecure(), CHANNEL);
    const find = (name: string): Method => {
      const method = methods.get(name);
      if (method === undefined) throw new TypeError(`no such method in proto/: ${name}`);
      return method;
    };
    try {
      return await use(
        (name, request, options) => callUnary(grpc, client, find(name), request, options),
        (name, request, onReply, signal) => callStream(grpc, client, find(name), request, onReply, signal),
      );
    } finally {
      client.close();
    }
  };
}

const CHANNEL = {
  // A proxy from the environment has no business between us and a socket of this machine.
  "grpc.enable_http_proxy": 0,
  // Shared sub-channels would outlive close() and bring their reconnect delay along.
  "grpc.use_local_subchannel_pool": 1,
  "grpc.max_receive_message_length": 16 * 1024 * 1024,
};

type Method = MethodDefinition<object, object>;

interface Library {
  readonly grpc: typeof import("./grpc.ts")["grpc"];
  readonly methods: ReadonlyMap<string, Method>;
}

async function loadLibrary(): Promise<Library> {
  const { grpc, loader } = await import("./grpc.ts");
  const methods = new Map<string, Method>();
  for (const entry of Object.values(await loadProtocols(loader))) {
    if ("format" in entry) continue;
    for (const method of Object.values(entry)) methods.set(method.path.slice(1), method as Method);
  }
  return { grpc, methods };
}

function callUnary(
  grpc: Library["grpc"],
  client: Client,
  method: Method,
  request: object,
  { timeoutMs, signal }: CallOptions,
): Promise<object> {
  const metadata = namespaceHeader(grpc);
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(new CallError("CANCELLED", "aborted before it was sent"));
    const { path, requestSerialize, responseDeserialize } = method;
    const deadline = { deadline: Date.now() + timeoutMs };
    const call = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata,
      deadline,
      (error, reply) => {
        signal.removeEventListener("abort", cancel);
        if (error !== null) reject(new CallError(grpc.status[error.code] ?? "UNKNOWN", error.details));
        else resolve(reply ?? {});
      },
    );
    const cancel = (): void => call.cancel();
    signal.addEventListener("abort", cancel, { once: true });
  });
}

function callStream(
  grpc: Library["grpc"],
  client: Client,
  { path, requestSerialize, responseDeserialize }: Method,
  request: object,
  onReply: (reply: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(new CallError("CANCELLED", "aborted before it was sent"));
    const header = namespaceHeader(grpc);
    const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, header);
    const cancel = (): void => call.cancel();
    const end = (settle: () => void): void => {
      signal.removeEventListener("abort", cancel);
      settle();
    };
    signal.addEventListener("abort", cancel, { once: true });
    call.on("data", onReply);
    call.once("end", () => end(resolve));
    call.on("error", (error: { code?: number; details?: string }) => {
      const code = grpc.status[error.code ?? -1] ?? "UNKNOWN";
      end(() => reject(new CallError(code, error.details ?? "no reason given")));
    });
  });
}

/** containerd's own services refuse a call without a namespace; CRI does not look at it. */
function namespaceHeader(grpc: Library["grpc"]) {
  const header = new grpc.Metadata();
  header.set("containerd-namespace", "k8s.io");
  return header;
}
