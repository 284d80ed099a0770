import { formatHostPort, parseHostPort } from "../agent-config/listen-address.ts";
import { isLoopbackHost } from "../containerd/loopback.ts";

/** Whether this is `http://address:port`, exactly as we write it, with an address of this node alone. */
export function isLoopbackReceiver(url: string): boolean {
  const listen = url.startsWith("http://") ? parseHostPort(url.slice("http://".length)) : undefined;
  if (listen === undefined || listen.port === 0 || !/^[0-9a-fA-F:.]+$/.test(listen.host)) return false;
  return isLoopbackHost(listen.host) && `http://${formatHostPort(listen)}` === url;
}
