import { shorten } from "../shorten.ts";
import { isNodeName } from "../signing/selector.ts";
import { isDigest, readBundle } from "./bundle.ts";
import { FLEET_LIMITS } from "./fleet-limits.ts";
import { maybe } from "./maybe.ts";
import {
  type Connection,
  MODES,
  NODE_SOURCES,
  type NodeError,
  type NodeStatus,
  type Offer,
  type PreflightAnswer,
  type Refused,
  type Unwell,
} from "./node-status.ts";
import { PHASES } from "./phase.ts";
import type { ReadResult } from "./problem.ts";
import { readStored, writeStored } from "./read-record.ts";
import { isRolloutId, NAME_FORM } from "./read-rollout-spec.ts";
import type { RecordReader } from "./record-reader.ts";

/** `status/<shard>/<node>` */
export function readNodeStatus(text: string): ReadResult<NodeStatus> {
  return readStored(text, "the status of a node", (reader) => ({
    node: reader.text("node", isNodeName, "the id of a node"),
    ...maybe("connection", reader, () => reader.child("connection", "a connection", readConnection)),
    instances: reader.texts("instances", 2, isInstance, "hexadecimal"),
    seenMs: reader.moment("seenMs"),
    ...maybe("running", reader, () => reader.child("running", "a bundle", readBundle)),
    source: reader.oneOf("source", NODE_SOURCES),
    agent: reader.message("agent"),
    containerd: reader.message("containerd"),
    ...maybe("offer", reader, () => reader.child("offer", "an assignment", readOffer)),
    ...maybe("preflight", reader, () => reader.child("preflight", "an answer", readPreflightAnswer)),
    refused: reader.children("refused", FLEET_LIMITS.refusals, "a refusal", readRefused),
    ...maybe("unwell", reader, () => reader.child("unwell", "a verdict", readUnwell)),
    ...(flag("drifted", reader) && { drifted: true as const }),
    ...(flag("cloned", reader) && { cloned: true as const }),
  }));
}

/** A status as it is kept, and its bytes. */
export interface WrittenStatus {
  readonly status: NodeStatus;
  readonly bytes: Uint8Array;
}

/** Within the limit of its size: words are cut first, the oldest refusals go next. A reason and versions always stay. */
export function writeNodeStatus(whole: NodeStatus): WrittenStatus {
  let written: WrittenStatus = { status: whole, bytes: new Uint8Array() };
  // Most are short enough as they are.
  for (const shorten of SHORTER) {
    const status = shorten(whole);
    written = { status, bytes: new TextEncoder().encode(writeStored(status)) };
    if (written.bytes.length <= FLEET_LIMITS.status) break;
  }
  return written;
}

const SHORTER: readonly ((status: NodeStatus) => NodeStatus)[] = [
  (status) => status,
  sayOnce,
  (status) => cutWords(sayOnce(status)),
  bare,
];

/** Why a preflight failed stands in the assignment, which is another one soon, and in its answer, which stays. */
function sayOnce(status: NodeStatus): NodeStatus {
  const { offer, preflight } = status;
  if (offer?.mode !== "preflight" || preflight?.error === undefined) return status;
  const { error: _, ...rest } = offer;
  return { ...status, offer: rest };
}

/** So much of a reason is enough to know what is meant. */
const WORDS = 80;

function cutWords(status: NodeStatus): NodeStatus {
  const cut = (error: NodeError | undefined): { readonly error?: NodeError } =>
    error === undefined ? {} : { error: cutError(error) };
  const { offer, preflight, unwell } = status;
  return {
    ...status,
    ...(unwell && { unwell: { ...unwell, namespace: shorten(unwell.namespace, WORDS) } }),
    ...(offer && { offer: { ...offer, ...cut(offer.error) } }),
    ...(preflight && { preflight: { ...preflight, ...cut(preflight.error) } }),
  };
}

function cutError({ code, message, item }: NodeError): NodeError {
  return {
    code: shorten(code, WORDS),
    message: shorten(message, WORDS),
    ...(item !== undefined && { item: shorten(item, WORDS) }),
  };
}

/** What decisions are made on, a short reason, and the names of no registry. */
function bare(status: NodeStatus): NodeStatus {
  const short = cutWords(sayOnce(status));
  const { offer } = short;
  if (offer === undefined) return { ...short, refused: short.refused.slice(-1) };
  const unprovenMore = offer.unprovenMore + offer.unproven.length;
  return { ...short, offer: { ...offer, unproven: [], unprovenMore }, refused: short.refused.slice(-1) };
}

function readConnection(reader: RecordReader): Connection {
  return {
    server: reader.text("server", isNodeName, NAME_FORM),
    stream: reader.whole("stream", 0, Number.MAX_SAFE_INTEGER),
    instance: reader.text("instance", isInstance, "hexadecimal"),
    sinceMs: reader.moment("sinceMs"),
  };
}

function readOffer(reader: RecordReader): Offer {
  return {
    ...readBundle(reader),
    id: reader.message("id"),
    ...maybe("rolloutId", reader, () => reader.text("rolloutId", isRolloutId, NAME_FORM)),
    attempt: reader.whole("attempt", 1, Number.MAX_SAFE_INTEGER),
    mode: reader.oneOf("mode", MODES),
    sentMs: reader.moment("sentMs"),
    resentMs: reader.moment("resentMs"),
    sentOn: reader.text("sentOn", (text) => text.length <= 300, "a stream"),
    ...maybe("owner", reader, () => reader.text("owner", isNodeName, NAME_FORM)),
    ...maybe("phase", reader, () => reader.oneOf("phase", PHASES)),
    ...maybe("phaseMs", reader, () => reader.moment("phaseMs")),
    ...maybe("error", reader, () => reader.child("error", "an error", readNodeError)),
    unproven: reader.texts(
      "unproven",
      FLEET_LIMITS.namespaces,
      (text) => text.length <= 255,
      "a host namespace",
    ),
    unprovenMore: reader.whole("unprovenMore", 0, Number.MAX_SAFE_INTEGER),
    ...(flag("wasUnwell", reader) && { wasUnwell: true as const }),
  };
}

function readNodeError(reader: RecordReader): NodeError {
  return {
    code: reader.message("code"),
    message: reader.message("message"),
    ...maybe("item", reader, () => reader.message("item")),
  };
}

function readPreflightAnswer(reader: RecordReader): PreflightAnswer {
  return {
    rolloutId: reader.text("rolloutId", isRolloutId, NAME_FORM),
    attempt: reader.whole("attempt", 1, Number.MAX_SAFE_INTEGER),
    ok: reader.boolean("ok"),
    ...maybe("error", reader, () => reader.child("error", "an error", readNodeError)),
  };
}

function readRefused(reader: RecordReader): Refused {
  return {
    digest: reader.text("digest", isDigest, "64 hexadecimal digits, lower case"),
    assignmentId: reader.message("assignmentId"),
  };
}

function readUnwell(reader: RecordReader): Unwell {
  return {
    verdict: reader.oneOf("verdict", ["failing", "bypassed"]),
    namespace: reader.message("namespace"),
  };
}

function flag(key: string, reader: RecordReader): boolean {
  return reader.optional(key, () => reader.boolean(key)) === true;
}

function isInstance(text: string): boolean {
  return /^[0-9a-f]{1,64}$/.test(text);
}
