import { type ServerUnaryCall, type sendUnaryData, status } from "@grpc/grpc-js";
import { connectNode } from "../../core/fleet/update-status.ts";
import type { FetchRequest__Output } from "../../shared/feed/generated/mirrorlet/feed/v1/FetchRequest.ts";
import type { FetchResponse } from "../../shared/feed/generated/mirrorlet/feed/v1/FetchResponse.ts";
import { pause } from "../pause.ts";
import { decodeHello, type NodeHello } from "./decode-agent-message.ts";
import { toMessage } from "./encode-server-message.ts";
import { checkHello, type FeedContext, TOO_OFTEN, welcomeTo } from "./feed-context.ts";
import { identifyPeer } from "./identify-peer.ts";

const BUNDLE_MS = 3_000;

/**
 * What a stream would tell the node for good: nothing is written, so that no rollout counts on an answer. A node that runs
 * nothing gets the stable state of its channel.
 */
export async function serveFetch(
  context: FeedContext,
  call: ServerUnaryCall<FetchRequest__Output, FetchResponse>,
  callback: sendUnaryData<FetchResponse>,
): Promise<void> {
  const { nowMs, onEvent } = context;
  const peer = identifyPeer(call, context.trustDomain, context.denied(), nowMs());
  if (!peer.ok) {
    const why = peer.code === status.PERMISSION_DENIED ? "denied" : "certificate";
    onEvent({ kind: "stream-refused", why, peer: call.getPeer(), message: peer.message });
    callback({ code: peer.code, details: peer.message });
    return;
  }
  if (context.beginnings.take(peer.id, context.loopMs()) > 0) {
    onEvent({ kind: "stream-refused", why: "too-often", peer: call.getPeer(), message: TOO_OFTEN });
    callback({ code: status.RESOURCE_EXHAUSTED, details: TOO_OFTEN });
    return;
  }
  const hello = call.request.hello && decodeHello(call.request.hello);
  if (hello === null) {
    callback({ code: status.INVALID_ARGUMENT, details: "FetchRequest.hello is missing: it says who asks" });
    return;
  }
  const wrong = checkHello(hello, peer.id);
  if (wrong !== undefined) {
    const code = hello.node === peer.id ? status.INVALID_ARGUMENT : status.PERMISSION_DENIED;
    callback({ code, details: wrong });
    return;
  }
  const welcome = welcomeTo(context, hello);
  const assignment = await choose(context, peer.id, hello);
  callback(null, { welcome, ...(assignment && { assignment }) });
}

async function choose({ board, chooser, bundles, nowMs }: FeedContext, node: string, hello: NodeHello) {
  const connection = { server: "fetch", stream: 0, instance: hello.instance, sinceMs: nowMs() };
  const before = board.latest(node).status;
  const assumed = connectNode(before, node, connection, hello.versions, hello.view);
  const assignment = chooser.chooseOnce(node, assumed, nowMs());
  if (assignment === undefined) return undefined;
  const { digest } = assignment.bundle;
  if (hello.cached.has(digest) || assignment.mode === "hold") return toMessage(assignment, undefined);
  const never = new AbortController().signal;
  let envelope = bundles.get(digest);
  for (let waitedMs = 0; envelope === undefined && waitedMs < BUNDLE_MS; waitedMs += 50) {
    await pause(50, never);
    envelope = bundles.get(digest);
  }
  // Without it there is nothing that the node could do.
  return envelope && toMessage(assignment, envelope);
}
