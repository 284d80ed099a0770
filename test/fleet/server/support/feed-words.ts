import { createHash, randomBytes } from "node:crypto";
import type { TestContext } from "node:test";
import type { Channel } from "../../../../src/core/fleet/channel.ts";
import type { Engine } from "../../../../src/fleet/engine/engine.ts";
import { NONE_DENIED } from "../../../../src/fleet/server/denied-list.ts";
import { checkCertificates, type FeedCertificates } from "../../../../src/fleet/server/feed-certificates.ts";
import type { FeedEvent } from "../../../../src/fleet/server/feed-events.ts";
import { type FeedServer, startFeedServer } from "../../../../src/fleet/server/feed-server.ts";
import type { FeedServerOptions } from "../../../../src/fleet/server/feed-server-options.ts";
import { FEED_TIMES, type FeedTimes } from "../../../../src/fleet/server/feed-times.ts";
import { putBundle } from "../../../../src/fleet/store/bundles.ts";
import type { FleetStore } from "../../../../src/fleet/store/fleet-store.ts";
import { writeChannel } from "../../../../src/fleet/store/write-channel.ts";
import { loadFeedService } from "../../../../src/shared/feed/load-feed-service.ts";
import { channelWith, NEW, OLD } from "../../../core/fleet/support/fleet.ts";
import { scratch } from "../../../host/scratch.ts";
import { createCa, type LabCa, type LabCertificate } from "../../../support/tls.ts";
import { openJournal } from "../../engine/open-engine.ts";

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

export interface TestFleet {
  readonly store: FleetStore;
  readonly ca: LabCa;
  readonly certificates: FeedCertificates;
  /** Of a node, each made once. */
  issue(node: string): Promise<LabCertificate>;
  serve(
    changes?: Partial<Omit<FeedServerOptions, "times">> & { readonly times?: Partial<FeedTimes> },
  ): Promise<TestServer>;
}

export interface TestServer extends FeedServer {
  readonly events: readonly FeedEvent[];
  has(kind: FeedEvent["kind"]): boolean;
}

/** A fleet in a journal, or in what is given, with one channel that has OLD as stable; servers on loopback. */
export async function testFleet(t: TestContext, given?: FleetStore): Promise<TestFleet> {
  const started: FeedServer[] = [];
  const own = given === undefined ? await openJournal({ directory: scratch(t) }) : undefined;
  // In this order: a server that ends takes leave of its engine.
  t.after(async () => {
    await Promise.all(started.map((server) => server.close()));
    await own?.close();
  });
  const store = given ?? { engine: own as Engine, fleet: "prod" };
  const ca = await createCa();
  const certificates = certificatesOf(ca, await ca.issueServer());
  const issued = new Map<string, Promise<LabCertificate>>();
  const service = await loadFeedService();
  await putBundle(store, OLD.digest, envelopeOf("old"));
  await putBundle(store, NEW.digest, envelopeOf("new"));
  return {
    store,
    ca,
    certificates,
    issue(node) {
      const made = issued.get(node) ?? ca.issueClient(node, { uri: `spiffe://prod/node/${node}` });
      issued.set(node, made);
      return made;
    },
    async serve({ times, onEvent, ...changes } = {}) {
      const events: FeedEvent[] = [];
      const server = await startFeedServer({
        store,
        service,
        listen: { host: "127.0.0.1", port: 0 },
        trustDomain: "prod",
        maxStreams: 1_000,
        handshakesPerSecond: 1_000,
        certificates,
        denied: NONE_DENIED,
        version: "1",
        host: "test",
        nowMs: Date.now,
        uptimeMs: () => performance.now(),
        random: Math.random,
        randomHex: (bytes) => randomBytes(bytes).toString("hex"),
        sha256,
        onEvent(event) {
          events.push(event);
          onEvent?.(event);
        },
        ...changes,
        times: { ...FEED_TIMES, ...times },
      });
      started.push(server);
      return Object.assign(server, {
        events,
        has: (kind: string) => events.some((one) => one.kind === kind),
      });
    },
  };
}

export function certificatesOf(
  { cert: ca }: Pick<LabCa, "cert">,
  { cert, key }: LabCertificate,
): FeedCertificates {
  const checked = checkCertificates({ ca: Buffer.from(ca), cert: Buffer.from(cert), key: Buffer.from(key) });
  if (!checked.ok) throw new Error(checked.message);
  return checked.certificates;
}

export function envelopeOf(name: string): Buffer {
  return Buffer.from(JSON.stringify({ payload: name, signatures: [] }));
}

export async function writeTestChannel(store: FleetStore, changes: Partial<Channel> = {}): Promise<void> {
  const { ok } = await writeChannel(store, "stable", undefined, channelWith(changes));
  if (!ok) throw new Error("there was a channel already");
}
