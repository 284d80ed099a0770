import type { AddressInfo } from "node:net";
import { connect, createServer } from "node:net";

export interface ByteCounter {
  readonly host: string;
  /** What went to the server. */
  bytes(): number;
  close(): void;
}

/** A way to a server that counts. */
export async function countBytes(port: number): Promise<ByteCounter> {
  let bytes = 0;
  const server = createServer((socket) => {
    const onward = connect(port, "127.0.0.1");
    socket.on("data", (chunk) => {
      bytes += chunk.length;
    });
    socket.pipe(onward).pipe(socket);
    for (const one of [socket, onward]) one.on("error", () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port: own } = server.address() as AddressInfo;
  return { host: `127.0.0.1:${own}`, bytes: () => bytes, close: () => void server.close() };
}
