import { connect, createServer, type Socket } from "node:net";
import { findFreePort } from "./free-port.ts";

/** Connections go to the servers in turn, past those that are down. */
export async function startBalancer(
  ports: readonly number[],
): Promise<{ readonly port: number; close(): Promise<void> }> {
  let turn = 0;
  const sockets = new Set<Socket>();
  const pass = (client: Socket, left: number): void => {
    const upstream = connect(ports[turn++ % ports.length] ?? 0, "127.0.0.1");
    const both = [client, upstream];
    const end = (): void => {
      for (const socket of both) socket.destroy();
    };
    const refused = (): void => (left > 1 ? pass(client, left - 1) : end());
    upstream.once("error", refused);
    upstream.once("connect", () => {
      upstream.off("error", refused);
      for (const socket of both) {
        sockets.add(socket);
        socket.on("error", end).on("close", () => {
          sockets.delete(socket);
          end();
        });
      }
      client.pipe(upstream).pipe(client);
    });
  };
  const server = createServer((client) => {
    client.on("error", () => client.destroy());
    pass(client, ports.length);
  });
  const port = await findFreePort();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    port,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
