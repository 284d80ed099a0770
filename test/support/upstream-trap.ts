import { startServer } from "./lab-server.ts";

/** A proxy that refuses everybody. What is asked of it shows who would have been contacted without it. */
export interface UpstreamTrap {
  /** For HTTP_PROXY and HTTPS_PROXY. */
  readonly url: string;
  contacts(): readonly UpstreamContact[];
  clearContacts(): void;
  stop(): Promise<void>;
}

export interface UpstreamContact {
  /** `CONNECT` for https, else the method of the request. */
  readonly method: string;
  /** `gcr.io:443`, or the whole URL of a plain request. */
  readonly target: string;
  /** performance.now() at its arrival. */
  readonly atMs: number;
}

export async function startUpstreamTrap(): Promise<UpstreamTrap> {
  let contacts: UpstreamContact[] = [];
  const note = (method = "", target = ""): void => {
    contacts.push({ method, target, atMs: performance.now() });
  };
  const server = await startServer((request, response) => {
    note(request.method, request.url);
    response.writeHead(403).end();
  }, undefined);
  server.server.on("connect", (request, socket) => {
    note(request.method, request.url);
    socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  });
  return {
    url: server.url,
    contacts: () => contacts,
    clearContacts: () => {
      contacts = [];
    },
    stop: server.close,
  };
}
