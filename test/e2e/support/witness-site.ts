import { type ScriptedRegistry, startScriptedRegistry } from "../../support/scripted-registry.ts";
import { createCa } from "../../support/tls.ts";
import { startUpstream } from "../../support/upstream.ts";
import { type SharedDaemons, shareDaemons } from "./shared-daemons.ts";

/** What tests of the witness share: daemons, a mirror, and real registries that are one server of the lab. */
export interface WitnessSite {
  readonly daemons: SharedDaemons;
  readonly mirror: ScriptedRegistry;
  /** Stands behind the names of all hosts. */
  readonly upstream: ScriptedRegistry;
  /** Everybody who was to be contacted beyond the node, `gcr.io:443`. */
  contacts(): readonly string[];
  /** Forgets contacts and requests. */
  clear(): void;
  stop(): Promise<void>;
}

/** `hosts`: names that lead to the upstream; all others are refused. */
export async function startWitnessSite(hosts: readonly string[]): Promise<WitnessSite> {
  const ca = await createCa("lab upstream CA");
  const upstream = await startScriptedRegistry({ tls: await ca.issueServer({ hosts }) });
  const mirror = await startScriptedRegistry({ closesOnGarbage: true });
  const internet = await startUpstream(ca, Object.fromEntries(hosts.map((host) => [host, upstream.host])));
  const daemons = shareDaemons(internet.daemonOptions);
  return {
    daemons,
    mirror,
    upstream,
    contacts: () => internet.contacts().map(({ target }) => target),
    clear() {
      internet.clearContacts();
      upstream.clearRequests();
      mirror.clearRequests();
    },
    async stop() {
      await daemons.stop();
      await Promise.all([internet.stop(), upstream.stop(), mirror.stop()]);
    },
  };
}
