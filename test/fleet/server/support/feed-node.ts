import { randomBytes } from "node:crypto";
import type { TestContext } from "node:test";
import { Client, type ClientDuplexStream, credentials, type ServiceError, type status } from "@grpc/grpc-js";
import type { Bundle } from "../../../../src/core/fleet/bundle.ts";
import type { AgentMessage } from "../../../../src/shared/feed/generated/mirrorlet/feed/v1/AgentMessage.ts";
import type { Assignment__Output } from "../../../../src/shared/feed/generated/mirrorlet/feed/v1/Assignment.ts";
import type { FeedDefinition } from "../../../../src/shared/feed/generated/mirrorlet/feed/v1/Feed.ts";
import type { FetchResponse__Output } from "../../../../src/shared/feed/generated/mirrorlet/feed/v1/FetchResponse.ts";
import type { Hello } from "../../../../src/shared/feed/generated/mirrorlet/feed/v1/Hello.ts";
import type { Phase } from "../../../../src/shared/feed/generated/mirrorlet/feed/v1/Phase.ts";
import type { Report } from "../../../../src/shared/feed/generated/mirrorlet/feed/v1/Report.ts";
import type { ServerMessage__Output } from "../../../../src/shared/feed/generated/mirrorlet/feed/v1/ServerMessage.ts";
import type { State } from "../../../../src/shared/feed/generated/mirrorlet/feed/v1/State.ts";
import { loadFeedService } from "../../../../src/shared/feed/load-feed-service.ts";
import { eventually } from "../../engine/engine-words.ts";
import type { TestFleet } from "./feed-words.ts";

const ours = await loadFeedService();

/** How the node takes what it is told. */
export type Nature = "good" | "reverts" | "mute";

export interface FeedNodeOptions {
  /** Of the certificate; default: of `node`. */
  readonly certificateOf?: string;
  readonly running?: Bundle;
  readonly instance?: Buffer;
  readonly nature?: Nature;
  readonly hello?: Partial<Hello>;
  /** Says Hello by itself. Default: true. */
  readonly greets?: boolean;
  /** Of another version of the contract; default: ours. */
  readonly service?: FeedDefinition;
  /** What such an agent adds to all that it says. */
  readonly dress?: (message: AgentMessage) => AgentMessage;
}

/** One stream of a node, over real gRPC. It answers as the contract has it, at once. */
export interface FeedNode {
  readonly received: readonly ServerMessage__Output[];
  readonly assignments: readonly Assignment__Output[];
  readonly acked: () => number;
  readonly ended: () => { readonly code: status; readonly details: string } | undefined;
  running(): Bundle | undefined;
  send(message: AgentMessage): void;
  report(assignmentId: string, phase: Phase, more?: Partial<Report>): number;
  until(check: (node: FeedNode) => boolean, what: string): Promise<void>;
  /** Reads nothing any more. */
  stall(): void;
  goOn(): void;
  close(): void;
}

export async function feedClient(fleet: TestFleet, port: number, node: string): Promise<Client> {
  const { cert, key } = await fleet.issue(node);
  const secure = credentials.createSsl(Buffer.from(fleet.ca.cert), Buffer.from(key), Buffer.from(cert));
  return new Client(`127.0.0.1:${port}`, secure, { "grpc.use_local_subchannel_pool": 1 });
}

export async function fetchOnce(
  t: TestContext,
  fleet: TestFleet,
  port: number,
  hello: Hello | null,
  certificateOf: string = hello?.nodeId ?? "",
): Promise<FetchResponse__Output> {
  const client = await feedClient(fleet, port, certificateOf);
  t.after(() => client.close());
  const { path, requestSerialize, responseDeserialize } = ours.Fetch;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { hello }, (error, answer) => {
      if (error !== null || answer === undefined) reject(error);
      else resolve(answer);
    });
  });
}

export async function connectNode(
  t: TestContext,
  fleet: TestFleet,
  port: number,
  node: string,
  options: FeedNodeOptions = {},
): Promise<FeedNode> {
  const { certificateOf = node, nature = "good", instance = randomBytes(16), greets = true } = options;
  const { service = ours, dress = (said) => said } = options;
  const client = await feedClient(fleet, port, certificateOf);
  const { path, requestSerialize, responseDeserialize } = service.Sync;
  const call: ClientDuplexStream<AgentMessage, ServerMessage__Output> = client.makeBidiStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
  );
  const received: ServerMessage__Output[] = [];
  const assignments: Assignment__Output[] = [];
  let { running } = options;
  let ended: { readonly code: status; readonly details: string } | undefined;
  let acked = 0;
  let seq = 0;
  call.on("error", ({ code, details }: ServiceError) => {
    ended ??= { code, details };
  });
  call.on("status", ({ code, details }) => {
    ended ??= { code, details };
  });
  const state = (): State => ({
    ...(running && { runningDigest: Buffer.from(running.digest, "hex"), runningSerial: running.serial }),
    source: running === undefined ? "SOURCE_UNSPECIFIED" : "SOURCE_FEED",
  });
  const send = (message: AgentMessage): void => void call.write(dress({ ...message, seq: ++seq }));
  const report = (assignmentId: string, phase: Phase, more: Partial<Report> = {}): number => {
    send({ report: { assignmentId, phase, state: state(), ...more } });
    return seq;
  };
  const follow = (assignment: Assignment__Output): void => {
    const { assignmentId: id, mode, digest } = assignment;
    const before = running;
    if (nature === "mute" || mode === "MODE_HOLD") return;
    report(id, "PHASE_RECEIVED");
    if (mode === "MODE_PREFLIGHT") {
      report(id, "PHASE_PREFLIGHT_OK");
      return;
    }
    running = { digest: digest.toString("hex"), serial: 8 };
    const items = [{ namespace: "gcr.io", phase: "PHASE_OBSERVED", evidence: "canary" } as const];
    report(id, "PHASE_APPLIED", { items });
    if (nature === "good") report(id, "PHASE_SOAKED", { items });
    else {
      running = before;
      report(id, "PHASE_REVERTED", { error: { code: "gate-failed", message: "it did not come up" } });
    }
  };
  call.on("data", (message: ServerMessage__Output) => {
    received.push(message);
    if (message.reportAck) acked = message.reportAck.throughSeq;
    if (message.assignment) {
      assignments.push(message.assignment);
      follow(message.assignment);
    }
  });
  const close = (): void => {
    call.cancel();
    client.close();
  };
  t.after(close);
  const hello: Hello = {
    protocol: 1,
    nodeId: node,
    instance,
    bootId: "b",
    agentVersion: "0.2.0",
    containerdVersion: "2.1.4",
    state: state(),
    ...options.hello,
  };
  if (greets) send({ hello });
  const self: FeedNode = {
    received,
    assignments,
    acked: () => acked,
    ended: () => ended,
    running: () => running,
    send,
    report,
    until: (check, what) => eventually(() => check(self), `${node}: ${what}`),
    stall: () => void call.pause(),
    goOn: () => void call.resume(),
    close,
  };
  return self;
}
