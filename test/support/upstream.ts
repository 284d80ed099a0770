import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { startServer } from "./lab-server.ts";
import { leaseDirectory } from "./leased-directory.ts";
import type { UpstreamContact } from "./upstream-trap.ts";

/**
 * The internet as a node sees it through its proxy: registries by their real names, over TLS, each of them a server
 * of the lab. Whoever else is asked for is refused.
 */
export interface LabUpstream {
  /**
   * Options of a containerd: its proxy, and an environment where the system pool is the one CA that these registries
   * have their certificates from.
   */
  readonly daemonOptions: {
    readonly upstreamTrap: { readonly url: string };
    readonly environment: Readonly<Record<string, string>>;
  };
  contacts(): readonly UpstreamContact[];
  clearContacts(): void;
  stop(): Promise<void>;
}

/**
 * `routes`: `gcr.io` → `127.0.0.1:port` of a TLS server whose certificate for that name comes from `ca`. Servers are
 * the caller's: they are not stopped. Without a port, a name means port 443.
 */
export async function startUpstream(
  ca: { readonly cert: string },
  routes: Readonly<Record<string, string>>,
): Promise<LabUpstream> {
  const lease = await leaseDirectory("upstream");
  const caFile = join(lease.path, "ca.crt");
  await writeFile(caFile, ca.cert);
  const tunnels = new Set<Duplex>();
  const targets = new Map(Object.entries(routes).map(([name, target]) => [withPort(name), target]));
  let contacts: UpstreamContact[] = [];
  const note = (method = "", target = ""): void => {
    contacts.push({ method, target, atMs: performance.now() });
  };
  const proxy = await startServer((request, response) => {
    note(request.method, request.url);
    response.writeHead(403).end();
  }, undefined);
  proxy.server.on("connect", (request, socket, head) => {
    note(request.method, request.url);
    tunnels.add(socket);
    socket.once("close", () => tunnels.delete(socket));
    tunnel(socket, head, targets.get(request.url ?? ""));
  });
  return {
    daemonOptions: {
      upstreamTrap: { url: proxy.url },
      // Go reads a file and a folder.
      environment: { SSL_CERT_FILE: caFile, SSL_CERT_DIR: join(lease.path, "none") },
    },
    contacts: () => contacts,
    clearContacts: () => {
      contacts = [];
    },
    async stop() {
      for (const socket of tunnels) socket.destroy();
      await proxy.close();
      await lease.release();
    },
  };
}

function withPort(name: string): string {
  return /:\d+$/.test(name) ? name : `${name}:443`;
}

function tunnel(socket: Duplex, head: Buffer, target: string | undefined): void {
  if (target === undefined) return void socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  const [, host = "", port = ""] = /^(.*):(\d+)$/.exec(target) ?? [];
  const onward = connect(Number(port), host, () => {
    socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
    onward.write(head);
    onward.pipe(socket).pipe(onward);
  });
  onward.on("error", () => socket.destroy());
  onward.on("close", () => socket.destroy());
  socket.on("error", () => onward.destroy());
  socket.on("close", () => onward.destroy());
}
