import { type GoneServers, nameLeave } from "../../../../../src/core/fleet/assess-node.ts";
import type { Channel } from "../../../../../src/core/fleet/channel.ts";
import { decide } from "../../../../../src/core/fleet/decide.ts";
import type { Decision } from "../../../../../src/core/fleet/decision.ts";
import { followServers } from "../../../../../src/core/fleet/follow-servers.ts";
import { countInFlight } from "../../../../../src/core/fleet/in-flight.ts";
import { findWave } from "../../../../../src/core/fleet/membership.ts";
import type { FleetNode, NodeStatus } from "../../../../../src/core/fleet/node-status.ts";
import type { RolloutSpec } from "../../../../../src/core/fleet/rollout-spec.ts";
import type { RolloutState } from "../../../../../src/core/fleet/rollout-state.ts";
import { NO_TOKENS, reclaimTokens, type TokenBlocks } from "../../../../../src/core/fleet/share-tokens.ts";
import { sha256 } from "../fleet.ts";
import { Replica, type Store } from "./store.ts";

export interface Inventory {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** One of perhaps several controllers: it leads while `controller` has its revision. */
export class Controller {
  readonly replica: Replica;
  readonly #store: Store;
  readonly #spec: RolloutSpec;
  readonly #inventory: readonly Inventory[];
  readonly #watchedSinceMs: number;
  readonly #fence: number;
  readonly #waves: ReadonlyMap<string, number | undefined>;
  #gone: GoneServers = new Map();
  #left: GoneServers = new Map();
  last: Decision | undefined;

  constructor(store: Store, spec: RolloutSpec, inventory: readonly Inventory[], nowMs: number) {
    this.#store = store;
    this.#spec = spec;
    this.#inventory = inventory;
    this.#watchedSinceMs = nowMs;
    this.replica = new Replica(store);
    this.replica.follow(Number.POSITIVE_INFINITY, nowMs);
    store.txn({}, { controller: nowMs });
    this.#fence = store.revisionOf("controller");
    this.#waves = new Map(inventory.map((node) => [node.id, findWave(spec, node, sha256)]));
  }

  act(nowMs: number): void {
    const fenced = { controller: this.#fence };
    this.#store.txn(fenced, { beat: nowMs });
    const statuses = [...this.replica.under<NodeStatus>("status/")];
    const named = statuses.flatMap(({ connection }) => (connection ? [connection.server] : []));
    const alive = new Set([...this.replica.keys("servers/")].map((key) => key.slice("servers/".length)));
    this.#gone = followServers(this.#gone, alive, named, nowMs);
    const leaves = statuses.filter(({ connection }) => connection === undefined).map(nameLeave);
    this.#left = followServers(this.#left, new Set(), leaves, nowMs);
    this.#reclaim(alive, statuses, nowMs);
    const byNode = new Map(statuses.map((status) => [status.node, status]));
    const nodes = this.#inventory.map((node): FleetNode => {
      const status = byNode.get(node.id);
      return { ...node, ...(status && { status }) };
    });
    const overridden = new Set(
      [...this.replica.keys("overrides/")].map((key) => key.slice("overrides/".length)),
    );
    const state = this.replica.get<RolloutState>("state") as RolloutState;
    this.last = decide(
      { spec: this.#spec, state },
      this.replica.get<Channel>("channel") as Channel,
      { nodes, overridden, gone: this.#gone, left: this.#left, watchedSinceMs: this.#watchedSinceMs },
      ({ id }) => this.#waves.get(id),
      nowMs,
    );
    if (this.last.kind === "wait") return;
    const { state: next, channel } = this.last;
    this.#store.txn(
      { ...fenced, state: this.replica.revisionOf("state"), channel: this.replica.revisionOf("channel") },
      { state: next, ...(channel && { channel }) },
    );
  }

  #reclaim(alive: ReadonlySet<string>, statuses: readonly NodeStatus[], nowMs: number): void {
    const before = this.replica.get<TokenBlocks>("tokens") ?? NO_TOKENS;
    const after = reclaimTokens(
      before,
      (server) => !alive.has(server),
      (server) => countInFlight(this.#spec, statuses, server, nowMs),
    );
    if (JSON.stringify(after) === JSON.stringify(before)) return;
    this.#store.txn(
      { controller: this.#fence, tokens: this.replica.revisionOf("tokens") },
      { tokens: after },
    );
  }
}
