import { type ChannelOptions, Client, connectivityState, credentials } from "@grpc/grpc-js";
import { createTlsCredentials } from "../../../shared/tls-credentials.ts";
import { tryTls } from "../../../shared/try-tls.ts";
import { EngineError } from "../engine-error.ts";
import { addressOf, type EtcdOptions } from "./etcd-options.ts";

export interface Connection {
  readonly endpoint: string;
  readonly client: Client;
}

export interface Endpoints {
  /** The one in use. */
  current(): string;
  /** Goes on to the next, unless somebody has done so since `endpoint` was in use. */
  leave(endpoint: string): void;
  /** A new connection of its own; the caller closes it. Rejects with EngineError when there is none in time. */
  connect(endpoint: string, timeoutMs: number, signal: AbortSignal): Promise<Connection>;
}

export function createEndpoints({ endpoints, tls }: Pick<EtcdOptions, "endpoints" | "tls">): Endpoints {
  let index = 0;
  const current = (): string => endpoints[index] as string;
  return {
    current,
    leave(endpoint) {
      if (endpoint === current()) index = (index + 1) % endpoints.length;
    },
    async connect(endpoint, timeoutMs, signal) {
      const client = new Client(addressOf(endpoint), credentialsFor(endpoint, tls), CHANNEL);
      try {
        await becomeReady(client, endpoint, timeoutMs, signal);
      } catch (error) {
        client.close();
        throw error instanceof FailedConnection ? await explainFailure(error, endpoint, tls) : error;
      }
      return { endpoint, client };
    },
  };
}

const CHANNEL: ChannelOptions = {
  // Notices a frozen server after 9 s. Pings more often than 5 s make etcd hang up (--grpc-keepalive-min-time), and so
  // do those without a call.
  "grpc.keepalive_time_ms": 6_000,
  "grpc.keepalive_timeout_ms": 3_000,
  "grpc.keepalive_permit_without_calls": 0,
  // Watch and bulk must not share a connection (https://github.com/etcd-io/etcd/issues/15402), nor a new connection the
  // reconnect delay of an old one.
  "grpc.use_local_subchannel_pool": 1,
  "grpc.enable_http_proxy": 0,
  "grpc.enable_channelz": 0,
  // A page of a listing, which gets smaller when it does not fit; a fragment of a watch has 2 MiB.
  "grpc.max_receive_message_length": 32 * 1024 * 1024,
  "grpc-node.flow_control_window": 4 * 1024 * 1024,
};

function credentialsFor(endpoint: string, tls: EtcdOptions["tls"]) {
  if (endpoint.startsWith("http:")) return credentials.createInsecure();
  const { ca, cert, key } = tls?.() ?? {};
  const bytes = (part: Uint8Array | undefined) => (part === undefined ? null : Buffer.from(part));
  return createTlsCredentials(bytes(ca), bytes(key), bytes(cert));
}

/** Unlike the library's own way this gives up at the first refusal: the next endpoint may well take us. */
function becomeReady(
  client: Client,
  endpoint: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const channel = client.getChannel();
  const deadline = Date.now() + timeoutMs;
  return new Promise((resolve, reject) => {
    const abort = (): void => settle(new EngineError("aborted", "aborted before there was a connection"));
    let isSettled = false;
    const settle = (error?: EngineError): void => {
      isSettled = true;
      signal.removeEventListener("abort", abort);
      if (error === undefined) resolve();
      else reject(error);
    };
    const look = (late?: Error): void => {
      if (isSettled) return;
      const state = channel.getConnectivityState(true);
      if (state === connectivityState.READY) settle();
      else if (state === connectivityState.TRANSIENT_FAILURE) settle(new FailedConnection(endpoint));
      else if (late !== undefined) settle(silent(endpoint, `no connection within ${timeoutMs} ms`));
      else channel.watchConnectivityState(state, deadline, look);
    };
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    look();
  });
}

/** At once, so that there is time to ask why. */
class FailedConnection extends EngineError {
  constructor(endpoint: string) {
    super("unavailable", `etcd at ${endpoint}: no connection`);
  }
}

async function explainFailure(
  error: FailedConnection,
  endpoint: string,
  tls: EtcdOptions["tls"],
): Promise<EngineError> {
  if (tls === undefined || endpoint.startsWith("http:")) return error;
  const { ca, cert, key } = tls();
  const bytes = (part: Uint8Array | undefined) => part && Buffer.from(part);
  const { hostname, port } = new URL(endpoint);
  const why = await tryTls({
    host: hostname.replace(/^\[|\]$/g, ""),
    port: Number(port || "443"),
    ca: bytes(ca),
    cert: bytes(cert),
    key: bytes(key),
    caName: "etcd.ca",
    certName: "etcd.cert",
  });
  return why === undefined ? error : silent(endpoint, why);
}

function silent(endpoint: string, words: string): EngineError {
  return new EngineError("unavailable", `etcd at ${endpoint}: ${words}`);
}
