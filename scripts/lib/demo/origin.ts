import type { LabImage } from "../../../test/support/image.ts";
import { copyImage } from "../../../test/support/push-image.ts";
import { type LabRegistry, startRegistry } from "../../../test/support/registry.ts";
import { createCa } from "../../../test/support/tls.ts";
import { type LabUpstream, startUpstream } from "../../../test/support/upstream.ts";

/** gcr.io as this containerd finds it, under its real name and over TLS, through its proxy. Nothing leaves the machine. */
export interface Origin {
  /** What containerd is started with. */
  readonly daemonOptions: {
    readonly upstreamTrap: { readonly url: string };
    readonly environment: Readonly<Record<string, string>>;
  };
  /** Who was asked for at the proxy since the last call, `CONNECT gcr.io:443`, and how often. */
  newContacts(): readonly string[];
  stop(): Promise<void>;
}

export async function startOrigin(repository: string, tag: string, image: LabImage): Promise<Origin> {
  const ca = await createCa("CA of the demo's gcr.io");
  const registry = await startRegistry({ tls: await ca.issueServer({ hosts: ["gcr.io"] }) });
  try {
    await copyImage(registry, repository, tag, image);
    const upstream = await startUpstream(ca, { "gcr.io": registry.host });
    return originOf(registry, upstream);
  } catch (error) {
    await registry.stop();
    throw error;
  }
}

function originOf(registry: LabRegistry, upstream: LabUpstream): Origin {
  return {
    daemonOptions: upstream.daemonOptions,
    newContacts() {
      const lines = countLines(upstream.contacts().map(({ method, target }) => `${method} ${target}`));
      upstream.clearContacts();
      return lines;
    },
    async stop() {
      await upstream.stop();
      await registry.stop();
    },
  };
}

function countLines(lines: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const line of lines) counts.set(line, (counts.get(line) ?? 0) + 1);
  return [...counts].map(([line, count]) => (count === 1 ? line : `${line}  (${count} times)`));
}
