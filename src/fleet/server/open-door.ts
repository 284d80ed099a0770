import { Server, type ServerOptions } from "@grpc/grpc-js";
import { type Admission, admitConnections } from "./admit-connections.ts";
import type { FeedCertificates } from "./feed-certificates.ts";
import type { FeedContext } from "./feed-context.ts";
import { FeedCredentials } from "./feed-credentials.ts";
import type { FeedServerOptions } from "./feed-server-options.ts";
import { serveFetch } from "./serve-fetch.ts";
import { type SyncCall, serveSync } from "./serve-sync.ts";
import { watchHandshakes } from "./watch-handshakes.ts";

/** Connections, TLS and the service over them. */
export interface Door {
  readonly admission: Admission;
  useCertificates(certificates: FeedCertificates): void;
  /** Without a farewell. */
  close(): Promise<void>;
}

/** grpc-js' own limits, which are else generous. */
const GRPC_OPTIONS: ServerOptions = {
  "grpc.max_receive_message_length": 256 * 1024,
  "grpc.max_concurrent_streams": 8,
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.keepalive_permit_without_calls": 1,
  "grpc.max_connection_idle_ms": 60_000,
  "grpc.enable_channelz": 0,
};

/** Connections without a stream, as those that only ask once: so many beside the streams. */
const SPARE_CONNECTIONS = 512;

/** Nobody comes in before `admission.listen`. */
export function openDoor(options: FeedServerOptions, shared: Omit<FeedContext, "cut">): Door {
  const { service, certificates, handshakesPerSecond, maxStreams, onEvent } = options;
  const credentials = new FeedCredentials(certificates);
  const grpc = new Server(GRPC_OPTIONS);
  const injector = grpc.createConnectionInjector(credentials);
  watchHandshakes(grpc, (peer, message) =>
    onEvent({ kind: "stream-refused", why: "certificate", peer, message }),
  );
  const admission = admitConnections({
    perSecond: handshakesPerSecond,
    most: maxStreams + SPARE_CONNECTIONS,
    onConnection: (socket) => injector.injectConnection(socket),
    onDropped: (why) => onEvent({ kind: "connection-dropped", why }),
  });
  const context: FeedContext = { ...shared, cut: (peer) => cut(admission, peer) };
  grpc.addService(
    // What is sent on streams is bytes already.
    { ...service, Sync: { ...service.Sync, responseSerialize: (bytes: Buffer) => bytes } } as never,
    {
      Sync: (call: SyncCall) => serveSync(context, call),
      Fetch: (call: Parameters<typeof serveFetch>[1], callback: Parameters<typeof serveFetch>[2]) =>
        void serveFetch(context, call, callback),
    },
  );
  return {
    admission,
    useCertificates: (pair) => credentials.use(pair),
    async close() {
      await admission.close();
      grpc.forceShutdown();
    },
  };
}

function cut(admission: Admission, peer: string): void {
  const colon = peer.lastIndexOf(":");
  admission.find(peer.slice(0, colon), Number(peer.slice(colon + 1)))?.destroy();
}
