import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startServer } from "../../support/lab-server.ts";
import { type ScriptedRegistry, startScriptedRegistry } from "../../support/scripted-registry.ts";
import { createCa } from "../../support/tls.ts";

/** The real registries as a daemon on this machine sees them, which none of its requests ever leaves. */
export interface LabUpstream {
  /** Stands for each of the registries; what it serves and records is its own. */
  readonly registry: ScriptedRegistry;
  /** For `startContainerd`: the proxy that leads there, and whose certificates to believe. */
  readonly daemonOptions: {
    readonly upstreamTrap: { readonly url: string };
    readonly environment: Readonly<Record<string, string>>;
  };
  /** Everybody who was to be contacted, `gcr.io:443`; those that are not ours are refused. */
  contacts(): readonly string[];
  clear(): void;
  stop(): Promise<void>;
}

export async function startUpstream(hosts: readonly string[]): Promise<LabUpstream> {
  const ca = await createCa("lab upstream CA");
  const registry = await startScriptedRegistry({ tls: await ca.issueServer({ hosts }) });
  const dir = await mkdtemp(join(tmpdir(), "mirrorlet-upstream-"));
  await writeFile(join(dir, "ca.pem"), ca.cert);
  let contacts: string[] = [];
  const proxy = await startServer((request, response) => {
    contacts.push(request.url ?? "");
    response.writeHead(403).end();
  }, undefined);
  proxy.server.on("connect", (request, client) => {
    const target = request.url ?? "";
    contacts.push(target);
    if (!hosts.some((host) => target === `${host}:443`)) {
      client.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    const [host = "", port] = registry.host.split(":");
    const onward = connect(Number(port), host, () => {
      client.write("HTTP/1.1 200 OK\r\n\r\n");
      onward.pipe(client).pipe(onward);
    });
    onward.on("error", () => client.destroy());
    client.on("error", () => onward.destroy());
  });
  return {
    registry,
    daemonOptions: {
      upstreamTrap: { url: proxy.url },
      environment: { SSL_CERT_FILE: join(dir, "ca.pem") },
    },
    contacts: () => contacts,
    clear() {
      contacts = [];
      registry.clearRequests();
    },
    async stop() {
      await Promise.all([proxy.close(), registry.stop()]);
      await rm(dir, { recursive: true });
    },
  };
}
