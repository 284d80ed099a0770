import type { Containerd } from "../agent/ports.ts";
import { readDaemonEnvironment } from "../host/daemon-environment.ts";
import type { AskHelper } from "../host/helper/helper-client.ts";
import { createHttpClient, type HttpClient } from "../registry/http-client.ts";

const TIMEOUTS = { dialMs: 10_000, handshakeMs: 10_000, responseMs: 10_000 };

/**
 * The client that asks registries with the environment of the containerd that runs now: its proxies and certificate
 * variables decide, not ours. One client for each life of the daemon.
 */
export function createRegistryClient(
  containerd: Pick<Containerd, "instance">,
  environmentOf: RegistryEnvironment,
  root: string,
): () => Promise<HttpClient> {
  let instance: string | undefined;
  let client: HttpClient | undefined;
  return async () => {
    const now = await containerd.instance();
    if (client === undefined || now !== instance) {
      const environment = await environmentOf();
      client = createHttpClient({ environment, timeouts: TIMEOUTS, root });
      instance = now;
    }
    return client;
  };
}

/** The environment of the containerd that runs, as far as it decides how registries are reached; {}: not known. */
export type RegistryEnvironment = () => Promise<Readonly<Record<string, string>>>;

export function createRegistryEnvironment(
  ask: AskHelper | undefined,
  hostSocket: string,
): RegistryEnvironment {
  if (ask === undefined) return async () => readDaemonEnvironment(hostSocket) ?? {};
  return async () => {
    const environment = await ask("registry-environment").catch(() => ({}));
    return environment as Readonly<Record<string, string>>;
  };
}
