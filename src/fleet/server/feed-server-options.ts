import type { Sha256 } from "../../core/fleet/membership.ts";
import type { FeedDefinition } from "../../shared/feed/generated/mirrorlet/feed/v1/Feed.ts";
import type { FleetStore } from "../store/fleet-store.ts";
import type { DeniedList } from "./denied-list.ts";
import type { FeedCertificates } from "./feed-certificates.ts";
import type { FeedEvent } from "./feed-events.ts";
import type { FeedTimes } from "./feed-times.ts";

export interface FeedServerOptions {
  readonly store: FleetStore;
  readonly service: FeedDefinition;
  /** Port 0: any. */
  readonly listen: { readonly host: string; readonly port: number };
  readonly trustDomain: string;
  readonly maxStreams: number;
  readonly handshakesPerSecond: number;
  readonly certificates: FeedCertificates;
  readonly denied: DeniedList;
  readonly version: string;
  /** Of this machine, for people. */
  readonly host: string;
  readonly times: FeedTimes;
  /** Of the wall: what is written down. */
  readonly nowMs: () => number;
  /** Only grows: what is waited for. */
  readonly uptimeMs: () => number;
  readonly random: () => number;
  /** For names that nobody has had before. */
  readonly randomHex: (bytes: number) => string;
  readonly sha256: Sha256;
  readonly onEvent: (event: FeedEvent) => void;
}

/** Short, as it stands three times in each node's status; another one each time. */
export function newServerId({ host, randomHex }: Pick<FeedServerOptions, "host" | "randomHex">): string {
  const name = host
    .replace(/[^A-Za-z0-9-]/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 20);
  return `${name === "" ? "feed" : name}-${randomHex(4)}`;
}
