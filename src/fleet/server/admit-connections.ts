import { createServer, type Socket } from "node:net";

export interface AdmitOptions {
  /** So many may begin in a second. A handshake costs the server 2 ms of its CPU. */
  readonly perSecond: number;
  /** So many may be open at once. */
  readonly most: number;
  readonly onConnection: (socket: Socket) => void;
  /** One was turned away before it cost anything: `busy`: it had to wait too long; `full`: too many are open. */
  readonly onDropped: (why: "busy" | "full") => void;
}

export interface Admission {
  /** Rejects with the system's error. Port 0: which one it is. */
  listen(host: string, port: number): Promise<number>;
  /** How many wait for their handshake. */
  waiting(): number;
  open(): number;
  /** The connection from that far end, to end it by force. */
  find(address: string, port: number): Socket | undefined;
  /** Takes no more. */
  stop(): void;
  /** Ends what is open too. */
  close(): Promise<void>;
}

/** Beyond these, who comes is better off with another server, or later. */
const MOST_WAITING = 4_000;
const LONGEST_WAIT_MS = 8_000;
const ROUND_MS = 20;

/**
 * Lets connections in at a rate that the server can bear. When thousands come at once, some wait before anything was spent
 * on them, and those for whom that would take too long are dropped: who is in gets served all the while.
 */
export function admitConnections({ perSecond, most, onConnection, onDropped }: AdmitOptions): Admission {
  const open = new Map<string, Socket>();
  const waiting: { readonly socket: Socket; readonly sinceMs: number }[] = [];
  let allowance = perSecond * (ROUND_MS / 1_000);
  let roundMs = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const drop = (socket: Socket, why: "busy" | "full"): void => {
    socket.resetAndDestroy();
    onDropped(why);
  };
  const refill = (): void => {
    const nowMs = performance.now();
    // What was not used is not saved up: that would be a burst.
    const most = Math.max(1, perSecond * 0.1);
    allowance = Math.min(most, allowance + (perSecond * (nowMs - roundMs)) / 1_000);
    roundMs = nowMs;
  };
  const work = (): void => {
    timer = undefined;
    refill();
    const lateMs = performance.now() - LONGEST_WAIT_MS;
    for (let first = waiting[0]; first !== undefined; first = waiting[0]) {
      if (first.socket.destroyed) waiting.shift();
      else if (first.sinceMs < lateMs) {
        waiting.shift();
        drop(first.socket, "busy");
      } else if (allowance < 1) break;
      else {
        waiting.shift();
        allowance--;
        onConnection(first.socket);
      }
    }
    if (waiting.length > 0) timer = setTimeout(work, ROUND_MS);
  };
  const listener = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
    const name = `${socket.remoteAddress}|${socket.remotePort}`;
    // A connection that breaks while it waits, or later; TLS and HTTP/2 above it hear of it by themselves.
    socket.on("error", () => undefined);
    if (open.size >= most) return drop(socket, "full");
    if (waiting.length >= MOST_WAITING) return drop(socket, "busy");
    open.set(name, socket);
    socket.once("close", () => open.delete(name));
    waiting.push({ socket, sinceMs: performance.now() });
    timer ??= setTimeout(work, 0);
  });
  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        listener.once("error", reject);
        listener.listen({ host, port, backlog: MOST_WAITING }, () => {
          listener.off("error", reject);
          // Too many open files, for example: who comes then is told by a reset.
          listener.on("error", () => undefined);
          resolve((listener.address() as { readonly port: number }).port);
        });
      }),
    waiting: () => waiting.length,
    open: () => open.size,
    find: (address, port) => open.get(`${address}|${port}`),
    stop: () => void listener.close(),
    async close() {
      clearTimeout(timer);
      if (listener.listening) listener.close();
      for (const socket of open.values()) socket.destroy();
    },
  };
}
