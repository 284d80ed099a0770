import { request as httpRequest } from "node:http";
import type { Socket } from "node:net";
import type { Timeouts } from "./open-connection.ts";
import { RegistryError } from "./registry-error.ts";

/** Asks a proxy for a way to the server of `url`. */
export function openTunnel(
  socket: Socket,
  url: URL,
  proxy: URL,
  { responseMs }: Timeouts,
  signal: AbortSignal,
): Promise<Socket> {
  const target = `${url.hostname}:${url.port || 443}`;
  const request = httpRequest({
    method: "CONNECT",
    path: target,
    createConnection: () => socket,
    headers: { Host: target, ...proxyAuthorization(proxy) },
  });
  const timer = setTimeout(() => request.destroy(new Error("no answer in time")), responseMs);
  const abort = (): void => void request.destroy(new Error("aborted"));
  signal.addEventListener("abort", abort, { once: true });
  return new Promise<Socket>((resolve, reject) => {
    const fail = (words: string): void => {
      const detail = `${proxy.host} (${words})`;
      reject(new RegistryError({ phase: "connect", code: "proxy-refuses", host: url.host, detail }));
    };
    request.once("connect", (response, tunnelled: Socket) => {
      if (response.statusCode === 200) return resolve(tunnelled);
      tunnelled.destroy();
      fail(`it answers ${response.statusCode} ${response.statusMessage}`);
    });
    request.once("response", (response) => fail(`it answers ${response.statusCode}`));
    request.once("error", (error) => fail(error.message));
    request.end();
  }).finally(() => {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  });
}

/** `Proxy-Authorization` from the proxy's own URL. */
export function proxyAuthorization(proxy: URL): Readonly<Record<string, string>> {
  if (proxy.username === "") return {};
  const pair = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return { "Proxy-Authorization": `Basic ${Buffer.from(pair).toString("base64")}` };
}
