import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";

/** Takes what a containerd sends to `/v1/traces` and understands none of it. */
export interface SpanListener {
  readonly port: number;
  /** Waits, at most 20 seconds, for a body that holds the text. */
  untilSeen(text: string): Promise<void>;
  close(): Promise<void>;
}

export async function listenForSpans(): Promise<SpanListener> {
  const bodies: Buffer[] = [];
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const body = Buffer.concat(parts);
    const isTraces = request.method === "POST" && request.url === "/v1/traces";
    if (isTraces) bodies.push(request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body);
    response.writeHead(isTraces ? 200 : 404, { "content-type": "application/x-protobuf" }).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async untilSeen(text) {
      const deadline = performance.now() + 20_000;
      while (!bodies.some((body) => body.includes(text))) {
        if (performance.now() > deadline)
          throw new Error(`no span in ${bodies.length} bodies tells of ${text}`);
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
