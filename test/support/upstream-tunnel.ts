import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { startServer } from "./lab-server.ts";

/** A proxy through which names of real registries lead to servers of the lab; it refuses everything else. */
export interface UpstreamTunnel {
  /** For HTTP_PROXY and HTTPS_PROXY. */
  readonly url: string;
  stop(): Promise<void>;
}

/** `routes`: from `gcr.io:443` to `127.0.0.1:port`. */
export async function startUpstreamTunnel(routes: Readonly<Record<string, string>>): Promise<UpstreamTunnel> {
  const sockets = new Set<Duplex>();
  const server = await startServer((_request, response) => response.writeHead(403).end(), undefined);
  server.server.on("connect", (request, client: Duplex) => {
    const target = routes[request.url ?? ""];
    if (target === undefined) return void client.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    const [host = "", port] = target.split(":");
    const onward = connect(Number(port), host);
    for (const socket of [client, onward]) {
      sockets.add(socket);
      socket.on("error", () => {
        client.destroy();
        onward.destroy();
      });
      socket.once("close", () => sockets.delete(socket));
    }
    onward.once("connect", () => {
      client.write("HTTP/1.1 200 OK\r\n\r\n");
      client.pipe(onward).pipe(client);
    });
  });
  return {
    url: server.url,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await server.close();
    },
  };
}
