import type {
  FeedError,
  FeedHello,
  FeedItem,
  FeedReport,
  FeedState,
} from "../../agent/feed/feed-messages.ts";
import type { Phase } from "../../core/fleet/phase.ts";
import type { Error as WireError } from "../../shared/feed/generated/mirrorlet/feed/v1/Error.ts";
import type { Hello } from "../../shared/feed/generated/mirrorlet/feed/v1/Hello.ts";
import type { Item } from "../../shared/feed/generated/mirrorlet/feed/v1/Item.ts";
import type { Report } from "../../shared/feed/generated/mirrorlet/feed/v1/Report.ts";
import type { State } from "../../shared/feed/generated/mirrorlet/feed/v1/State.ts";
import { PROTOCOL } from "./read-server-message.ts";

export function writeHello(hello: FeedHello): Hello {
  const { nodeId, instance, bootId, agentVersion, state, cached, labels } = hello;
  return {
    protocol: PROTOCOL,
    nodeId,
    instance: hex(instance),
    bootId,
    agentVersion,
    containerdVersion: state.containerdVersion,
    payloadSchemas: [1],
    state: writeState(state),
    cached: cached.map(hex),
    labels: { ...labels },
  };
}

export function writeReport(report: FeedReport): Report {
  const { assignmentId, offeredDigest, phase, state, error, items, atMs } = report;
  return {
    assignmentId,
    offeredDigest: hex(offeredDigest),
    phase: phase === undefined ? "PHASE_UNSPECIFIED" : PHASE_NAMES[phase],
    state: writeState(state),
    ...(error && { error: writeError(error) }),
    items: items.map(writeItem),
    atMs,
  };
}

const PHASE_NAMES = {
  received: "PHASE_RECEIVED",
  verified: "PHASE_VERIFIED",
  rejected: "PHASE_REJECTED",
  held: "PHASE_HELD",
  applied: "PHASE_APPLIED",
  observed: "PHASE_OBSERVED",
  soaked: "PHASE_SOAKED",
  failed: "PHASE_FAILED",
  reverted: "PHASE_REVERTED",
  drifted: "PHASE_DRIFTED",
  "preflight-ok": "PHASE_PREFLIGHT_OK",
  "preflight-failed": "PHASE_PREFLIGHT_FAILED",
} as const satisfies Readonly<Record<Phase, string>>;

const SOURCE_NAMES = {
  none: "SOURCE_UNSPECIFIED",
  feed: "SOURCE_FEED",
  file: "SOURCE_FILE",
  pinned: "SOURCE_PINNED",
} as const;

function writeState(state: FeedState): State {
  const { running, effectiveDigest, lastGoodDigest, floor, rejections, source } = state;
  return {
    ...(running && {
      runningDigest: hex(running.digest),
      runningSerial: running.serial,
      runningSinceMs: Math.trunc(running.sinceMs),
    }),
    ...(effectiveDigest !== undefined && { effectiveDigest: hex(effectiveDigest) }),
    ...(lastGoodDigest !== undefined && { lastGoodDigest: hex(lastGoodDigest) }),
    floorSerial: floor,
    rejections: rejections.map(({ digest, serial, error, atMs, assignmentId }) => ({
      digest: hex(digest),
      serial,
      error: writeError(error),
      atMs,
      assignmentId,
    })),
    source: SOURCE_NAMES[source],
    registries: state.registries.map((registry) => ({
      ...registry,
      lastPullMs: Math.trunc(registry.lastPullMs),
    })),
    conditions: state.conditions.map((condition) => ({ ...condition })),
    containerdVersion: state.containerdVersion,
  };
}

function writeItem({ namespace, phase, error, latencyMs, evidence }: FeedItem): Item {
  return {
    namespace,
    phase: PHASE_NAMES[phase],
    ...(error && { error: writeError(error) }),
    ...(latencyMs !== undefined && { latencyMs: Math.round(latencyMs) }),
    ...(evidence !== undefined && { evidence }),
  };
}

function writeError({ code, message, item, retriable }: FeedError): WireError {
  return { code, message, ...(item !== undefined && { item }), ...(retriable && { retriable }) };
}

function hex(digest: string): Buffer {
  return Buffer.from(digest, "hex");
}
