import type { RequestListener } from "node:http";
import type { Socket } from "node:net";

/** Nobody who asks here sends a second request before the first is answered, but proxies may. */
const MOST_AT_ONCE = 8;

/**
 * Ends a connection that asks on and on without taking its answers. Node stops reading only once what it has read is
 * answered: 64 KiB are 1,900 requests, whose answers would wait in memory, for each of the connections there may be.
 */
export function limitPipelining(serve: RequestListener): RequestListener {
  const open = new WeakMap<Socket, number>();
  return (request, response) => {
    const { socket } = request;
    // What has come with it is still handed on.
    if (socket.destroyed) return;
    const before = open.get(socket) ?? 0;
    if (before >= MOST_AT_ONCE) {
      socket.destroy();
      return;
    }
    open.set(socket, before + 1);
    response.once("close", () => open.set(socket, (open.get(socket) ?? 1) - 1));
    serve(request, response);
  };
}
