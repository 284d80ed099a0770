import { formatHostPort, parseHostPort } from "../../agent-config/listen-address.ts";
import { isLoopbackHost } from "../loopback.ts";

/**
 * Where containerd is to send its spans, for an agent that listens on `address`. The receiver answers loopback alone,
 * so an agent that listens elsewhere, or everywhere, is reached there too. Undefined: the port is not known beforehand.
 */
export function tracesEndpoint(address: string): string | undefined {
  const receiver = tracesReceiver(address);
  return receiver && `${receiver}/v1/traces`;
}

/** The same as config.toml names it, where containerd adds the path itself. */
export function tracesReceiver(address: string): string | undefined {
  const listen = parseHostPort(address);
  if (listen === undefined || listen.port === 0) return undefined;
  const host = isLoopbackHost(listen.host) ? listen.host : "127.0.0.1";
  return `http://${formatHostPort({ host, port: listen.port })}`;
}
