import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { LabCertificate } from "./tls.ts";

export interface ServerTls extends LabCertificate {
  /** PEM of the CA that client certificates must come from; without it none is asked for. */
  readonly clientCa?: string;
}

export interface LabServer {
  readonly server: Server;
  /** `127.0.0.1:port`. */
  readonly host: string;
  readonly url: string;
  /** New connections get this certificate. Only for a server that was started with one. */
  setTls(tls: ServerTls): void;
  close(): Promise<void>;
  /** After `close`: it listens at the same port again. */
  open(): Promise<void>;
}

/** An HTTP or HTTPS server on a free port of `address`. It does not keep the process alive. */
export async function startServer(
  listener: RequestListener,
  tls: ServerTls | undefined,
  address = "127.0.0.1",
): Promise<LabServer> {
  const server = tls === undefined ? createServer(listener) : createTlsServer(tlsOptions(tls), listener);
  const listen = (port: number) =>
    new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, address, () => {
        server.off("error", reject);
        server.unref();
        resolve();
      });
    });
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const host = `${address.includes(":") ? `[${address}]` : address}:${port}`;
  return {
    server,
    host,
    url: `${tls === undefined ? "http" : "https"}://${host}`,
    setTls: (changed) => (server as TlsServer).setSecureContext(tlsOptions(changed)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
    open: () => listen(port),
  };
}

function tlsOptions({ cert, key, clientCa }: ServerTls) {
  return {
    cert,
    key,
    ...(clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
  };
}
