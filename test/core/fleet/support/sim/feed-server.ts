import type { Assignment } from "../../../../../src/core/fleet/assignment.ts";
import type { Channel } from "../../../../../src/core/fleet/channel.ts";
import { chooseAssignment, type FeedView } from "../../../../../src/core/fleet/choose-assignment.ts";
import { countInFlight, isNewestStream } from "../../../../../src/core/fleet/in-flight.ts";
import type { NodeStatus } from "../../../../../src/core/fleet/node-status.ts";
import type { Override } from "../../../../../src/core/fleet/override.ts";
import type { RolloutSpec } from "../../../../../src/core/fleet/rollout-spec.ts";
import type { RolloutState } from "../../../../../src/core/fleet/rollout-state.ts";
import {
  NO_TOKENS,
  returnTokens,
  sizeOf,
  type TokenBlocks,
  takeTokens,
} from "../../../../../src/core/fleet/share-tokens.ts";
import {
  connectNode,
  disconnectNode,
  type NodeReport,
  recordOffer,
  recordReport,
} from "../../../../../src/core/fleet/update-status.ts";
import { sha256 } from "../fleet.ts";
import type { Agent } from "./agent.ts";
import { Replica, type Store } from "./store.ts";

interface Stream {
  readonly agent: Agent;
  readonly stream: number;
  readonly instance: string;
}

/** A feed server as it is meant to use the rules: choose by its replica, commit the offer, then send. */
export class FeedServer {
  readonly id: string;
  readonly replica: Replica;
  readonly streams = new Map<string, Stream>();
  readonly spec: RolloutSpec;
  readonly #store: Store;
  isCut = false;
  #count = 0;
  #beat: { value: unknown; atMs: number };

  constructor(id: string, store: Store, spec: RolloutSpec, nowMs: number) {
    this.id = id;
    this.#store = store;
    this.spec = spec;
    this.replica = new Replica(store);
    this.replica.follow(Number.POSITIVE_INFINITY, nowMs);
    // How old a beat is that was there before cannot be told: the next one is waited for.
    this.#beat = { value: this.replica.get("beat"), atMs: Number.NEGATIVE_INFINITY };
    store.txn({}, { [`servers/${id}`]: { id } });
  }

  get isAlive(): boolean {
    return this.#store.get(`servers/${this.id}`) !== undefined;
  }

  connect(agent: Agent, nowMs: number): boolean {
    if (this.isCut || !this.isAlive) return false;
    const stream = ++this.#count;
    const connection = { server: this.id, stream, instance: agent.instance, sinceMs: nowMs };
    this.#update(agent.id, (before) =>
      connectNode(before, agent.id, connection, { agent: "1", containerd: "2" }, agent.view),
    );
    this.streams.set(agent.id, { agent, stream, instance: agent.instance });
    return true;
  }

  disconnect(agent: Agent, nowMs: number): void {
    const stream = this.streams.get(agent.id);
    if (stream?.agent !== agent) return;
    this.streams.delete(agent.id);
    if (this.isCut || !this.isAlive) return;
    this.#update(agent.id, (before) => before && disconnectNode(before, stream.instance, nowMs));
  }

  /** False: it could not be made durable, and is not acknowledged. */
  report(agent: Agent, report: NodeReport, nowMs: number): boolean {
    if (this.isCut || !this.isAlive || !this.#isOurs(agent)) return false;
    this.#update(agent.id, (before) => before && recordReport(before, report, nowMs));
    return true;
  }

  /** One look at all streams. */
  serve(nowMs: number): void {
    const beat = this.replica.get("beat");
    if (beat !== this.#beat.value) this.#beat = { value: beat, atMs: nowMs };
    for (const { agent } of [...this.streams.values()]) {
      if (this.#isOurs(agent)) this.#serveNode(agent, nowMs);
      else if (!this.isCut) this.streams.delete(agent.id);
    }
    this.#giveBack(nowMs);
  }

  #isOurs(agent: Agent): boolean {
    const stream = this.streams.get(agent.id);
    const status = this.#store.get<NodeStatus>(`status/${agent.id}`);
    return stream?.agent === agent && status !== undefined && isNewestStream(status, this.id, stream.stream);
  }

  #serveNode(agent: Agent, nowMs: number): void {
    const status = this.#store.get<NodeStatus>(`status/${agent.id}`);
    if (status === undefined) return;
    const state = this.replica.get<RolloutState>("state") as RolloutState;
    const node = { id: agent.id, labels: agent.labels, status };
    const { assignment } = chooseAssignment(node, this.#view(agent.id, state, nowMs), nowMs, sha256);
    if (assignment === undefined || this.isCut) return;
    if (assignment.needsToken && !this.#hasToken(state, nowMs)) return;
    if (this.#commit(agent.id, status, assignment, nowMs)) agent.receive(assignment, nowMs);
  }

  #view(node: string, state: RolloutState, nowMs: number): FeedView {
    const override = this.replica.get<Override>(`overrides/${node}`);
    return {
      name: "stable",
      channel: this.replica.get<Channel>("channel") as Channel,
      rollouts: [{ spec: this.spec, state }],
      ...(override && { override }),
      engineAgeMs: nowMs - this.replica.freshMs,
      beatAgeMs: nowMs - this.#beat.atMs,
    };
  }

  /** What is said of a rollout is fenced by its state, so that nothing is said after a halt. */
  #commit(node: string, status: NodeStatus, assignment: Assignment, nowMs: number): boolean {
    const key = `status/${node}`;
    const lease = `servers/${this.id}`;
    return this.#store.txn(
      {
        [key]: this.#store.revisionOf(key),
        [lease]: this.replica.revisionOf(lease),
        state: this.replica.revisionOf("state"),
        channel: this.replica.revisionOf("channel"),
        [`overrides/${node}`]: this.replica.revisionOf(`overrides/${node}`),
      },
      { [key]: recordOffer(status, assignment, nowMs) },
    );
  }

  #hasToken(state: RolloutState, nowMs: number): boolean {
    const blocks = this.#store.get<TokenBlocks>("tokens") ?? NO_TOKENS;
    if (this.#inFlight(nowMs) < sizeOf(blocks.blocks, this.id)) return true;
    const cap = this.spec.waves[state.wave]?.maxInFlight ?? 1;
    const taken = takeTokens(blocks, this.id, 2, cap);
    const compare = {
      state: this.replica.revisionOf("state"),
      [`servers/${this.id}`]: this.replica.revisionOf(`servers/${this.id}`),
    };
    return taken !== undefined && this.#store.txn(compare, { tokens: taken });
  }

  #giveBack(nowMs: number): void {
    const blocks = this.#store.get<TokenBlocks>("tokens") ?? NO_TOKENS;
    const inFlight = this.#inFlight(nowMs);
    if (this.isCut || !this.isAlive || sizeOf(blocks.blocks, this.id) <= inFlight) return;
    this.#store.txn({}, { tokens: returnTokens(blocks, this.id, inFlight) });
  }

  #inFlight(nowMs: number): number {
    return countInFlight(this.spec, this.#store.under<NodeStatus>("status/"), this.id, nowMs);
  }

  #update(node: string, change: (before: NodeStatus | undefined) => NodeStatus | undefined): void {
    const key = `status/${node}`;
    const next = change(this.#store.get<NodeStatus>(key));
    if (next !== undefined) this.#store.txn({}, { [key]: next });
  }
}
