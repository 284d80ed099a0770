import type { Containerd } from "../agent/ports.ts";
import { readDaemonEnvironment } from "../host/daemon-environment.ts";
import { createHttpClient, type HttpClient } from "../registry/http-client.ts";

const TIMEOUTS = { dialMs: 10_000, handshakeMs: 10_000, responseMs: 10_000 };

/**
 * The client that asks registries with the environment of the containerd that runs now: its proxies and certificate
 * variables decide, not ours. One client for each life of the daemon.
 */
export function createRegistryClient(
  containerd: Pick<Containerd, "instance">,
  hostSocket: string,
  root: string,
): () => Promise<HttpClient> {
  let instance: string | undefined;
  let client: HttpClient | undefined;
  return async () => {
    const now = await containerd.instance();
    if (client === undefined || now !== instance) {
      const environment = readDaemonEnvironment(hostSocket) ?? {};
      client = createHttpClient({ environment, timeouts: TIMEOUTS, root });
      instance = now;
    }
    return client;
  };
}
