import assert from "node:assert/strict";
import type { Bundle } from "../../../../../src/core/fleet/bundle.ts";
import type { Channel } from "../../../../../src/core/fleet/channel.ts";
import { commandRollout, type RolloutVerb } from "../../../../../src/core/fleet/command-rollout.ts";
import { isInFlight } from "../../../../../src/core/fleet/in-flight.ts";
import { findWave } from "../../../../../src/core/fleet/membership.ts";
import type { NodeStatus } from "../../../../../src/core/fleet/node-status.ts";
import { isFinal, isRefusal } from "../../../../../src/core/fleet/phase.ts";
import type { RolloutSpec } from "../../../../../src/core/fleet/rollout-spec.ts";
import { isEnded, type RolloutState } from "../../../../../src/core/fleet/rollout-state.ts";
import { channelWith, sha256, stateWith, T0 } from "../fleet.ts";
import { Agent, type Nature } from "./agent.ts";
import { Controller, type Inventory } from "./controller.ts";
import { FeedServer } from "./feed-server.ts";
import { Store } from "./store.ts";

export interface SimNode extends Inventory {
  readonly nature: Nature;
  /** At first; `from` where it is not given. */
  readonly running?: Bundle | "nothing";
}

/** What happens from outside, at a tick. */
export type Event =
  | { readonly kind: "kill-server"; readonly index: number }
  | { readonly kind: "cut-server"; readonly index: number; readonly ticks: number }
  | { readonly kind: "kill-controller"; readonly ticks: number }
  | { readonly kind: "second-controller" }
  | { readonly kind: "drop-node"; readonly index: number; readonly ticks: number }
  | { readonly kind: "reboot-node"; readonly index: number; readonly ticks: number }
  | { readonly kind: "clone-node"; readonly index: number }
  | { readonly kind: "restore-node"; readonly index: number }
  | { readonly kind: "pin-on-node"; readonly index: number }
  | { readonly kind: "pin-by-fleet"; readonly index: number }
  | { readonly kind: "command"; readonly verb: RolloutVerb };

export interface Scenario {
  readonly spec: RolloutSpec;
  readonly nodes: readonly SimNode[];
  readonly servers: number;
  readonly seed: number;
  readonly tickMs: number;
  readonly events: readonly (readonly [tick: number, event: Event])[];
  /** How many changes a replica may see in a tick, at most. */
  readonly lag: number;
}

const LEASE_MS = 10_000;

/** A fleet in a box, with a clock of its own; it checks its invariants at every change. */
export class World {
  readonly store = new Store();
  readonly spec: RolloutSpec;
  readonly agents: Agent[];
  servers: FeedServer[] = [];
  controllers: Controller[] = [];
  nowMs = T0;
  /** Offers of the new state that were made durable. */
  offers = 0;
  readonly #scenario: Scenario;
  readonly #random: () => number;
  readonly #home = new Map<Agent, FeedServer>();
  readonly #told = new Set<string>();
  /** As it was when it was last checked. */
  readonly #seen = new Map<string, unknown>();
  readonly #labels: ReadonlyMap<string, Readonly<Record<string, string>>>;
  readonly #until = new Map<unknown, number>();
  #tick = 0;
  #checked = 0;
  #servers = 0;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.spec = scenario.spec;
    this.#random = mulberry(scenario.seed);
    this.#labels = new Map(scenario.nodes.map(({ id, labels }) => [id, labels]));
    this.agents = scenario.nodes.map(
      ({ id, labels, nature, running }) =>
        new Agent(
          id,
          labels,
          nature,
          this.spec.to.digest,
          running === "nothing" ? undefined : (running ?? this.spec.from),
          this.#random,
        ),
    );
    this.store.txn({}, { state: stateWith({ phase: "preflight" }), channel: channelWith() });
    for (let index = 0; index < scenario.servers; index++) this.#addServer();
    this.#lead();
  }

  get state(): RolloutState {
    return this.store.get<RolloutState>("state") as RolloutState;
  }

  get channel(): Channel {
    return this.store.get<Channel>("channel") as Channel;
  }

  statusOf(node: string): NodeStatus | undefined {
    return this.store.get<NodeStatus>(`status/${node}`);
  }

  /** Until it has ended or waits for people, and everything that was told is answered; false: not within `ticks`. */
  run(ticks: number): boolean {
    const lastEvent = Math.max(0, ...this.#scenario.events.map(([tick]) => tick));
    let quiet = 0;
    for (let count = 0; count < ticks; count++) {
      this.tick();
      const isOver = isEnded(this.state) || this.state.phase === "halted" || this.state.paused !== undefined;
      quiet = isOver && this.#tick > lastEvent && this.#until.size === 0 ? quiet + 1 : 0;
      // Longer than a stable state takes to arrive everywhere.
      if (quiet * this.#scenario.tickMs > 400_000) return true;
    }
    return false;
  }

  tick(): void {
    this.nowMs += this.#scenario.tickMs;
    for (const [tick, event] of this.#scenario.events) if (tick === this.#tick) this.#happen(event);
    this.#tick++;
    this.#heal();
    for (const server of this.servers) if (!server.isCut) server.replica.follow(this.#lag(), this.nowMs);
    for (const controller of this.controllers) controller.replica.follow(this.#lag(), this.nowMs);
    for (const agent of this.agents) this.#step(agent);
    for (const server of this.servers) {
      server.serve(this.nowMs);
      this.#check();
    }
    for (const controller of this.controllers) {
      controller.act(this.nowMs);
      this.#check();
    }
  }

  #lag(): number {
    const { lag } = this.#scenario;
    return lag === Number.POSITIVE_INFINITY ? lag : 1 + Math.floor(this.#random() * lag);
  }

  #step(agent: Agent): void {
    agent.act(this.nowMs);
    if (this.#random() < 0.1) agent.turnBad();
    const home = this.#home.get(agent);
    const stream = home?.streams.get(agent.id);
    const isSame = stream?.agent === agent && stream.instance === agent.instance;
    const stays = agent.isUp && !agent.isDead && isSame;
    if (!stays) {
      home?.disconnect(agent, this.nowMs);
      this.#home.delete(agent);
      if (!agent.isUp || agent.isDead || this.#random() < 0.3) return;
      const server = this.servers[Math.floor(this.#random() * this.servers.length)];
      if (!server?.connect(agent, this.nowMs)) return;
      this.#home.set(agent, server);
    }
    const server = this.#home.get(agent);
    const reports = agent.takeReports();
    const kept = reports.filter((report) => !server?.report(agent, report, this.nowMs));
    agent.putBack(kept);
  }

  #happen(event: Event): void {
    if (event.kind === "kill-server") this.#kill(this.servers[event.index % this.servers.length]);
    else if (event.kind === "cut-server") this.#cut(event.index, event.ticks);
    else if (event.kind === "second-controller") this.#lead();
    else if (event.kind === "command") this.command(event.verb);
    else if (event.kind === "kill-controller") {
      this.controllers = [];
      this.#until.set("controller", this.#tick + event.ticks);
    } else this.#happenTo(this.#agent(event.index), event);
  }

  #happenTo(
    agent: Agent,
    event: Extract<Event, { readonly kind: `${string}-node` | `pin-${string}` }>,
  ): void {
    const { id, labels, nature, running } = agent;
    if (event.kind === "pin-on-node") agent.pin();
    else if (event.kind === "restore-node") agent.restore();
    else if (event.kind === "pin-by-fleet")
      this.store.txn({}, { [`overrides/${id}`]: { reason: "x", by: "ann", atMs: this.nowMs } });
    else if (event.kind === "clone-node")
      this.agents.push(new Agent(id, labels, nature, this.spec.to.digest, running, this.#random));
    else {
      agent.isUp = false;
      if (event.kind === "reboot-node") agent.reboot();
      this.#until.set(agent, this.#tick + event.ticks);
    }
  }

  #cut(index: number, ticks: number): void {
    const server = this.servers[index % this.servers.length];
    if (server === undefined) return;
    server.isCut = true;
    this.#until.set(server, this.#tick + ticks);
  }

  command(verb: RolloutVerb): void {
    const result = commandRollout({ spec: this.spec, state: this.state }, verb, {
      by: "ann",
      reason: "x",
      atMs: this.nowMs,
    });
    if (result.ok) this.store.txn({}, { state: result.state });
    this.#check();
  }

  #heal(): void {
    for (const [what, tick] of [...this.#until]) {
      if (this.#tick < tick) continue;
      this.#until.delete(what);
      if (what === "controller") this.#lead();
      else if (what instanceof Agent) what.isUp = true;
      else if (what instanceof FeedServer) {
        // Its lease has run out in the meantime, or it goes on.
        if (what.isAlive) what.isCut = false;
        else this.#kill(what);
      } else if (typeof what === "string") this.store.txn({}, { [what]: undefined });
    }
    for (const server of this.servers) {
      const isLost = server.isCut && this.nowMs - server.replica.freshMs > LEASE_MS;
      if (isLost && server.isAlive) this.store.txn({}, { [`servers/${server.id}`]: undefined });
    }
  }

  /** Its lease runs out later; another one comes in its place. */
  #kill(server: FeedServer | undefined): void {
    if (server === undefined) return;
    server.streams.clear();
    server.isCut = true;
    this.#until.delete(server);
    this.servers = this.servers.filter((one) => one !== server);
    if (server.isAlive)
      this.#until.set(`servers/${server.id}`, this.#tick + Math.ceil(LEASE_MS / this.#scenario.tickMs));
    this.#addServer();
  }

  #addServer(): void {
    this.servers.push(new FeedServer(`s${++this.#servers}`, this.store, this.spec, this.nowMs));
  }

  #lead(): void {
    const { nodes } = this.#scenario;
    this.controllers.push(new Controller(this.store, this.spec, nodes, this.nowMs));
  }

  #agent(index: number): Agent {
    return this.agents[index % this.agents.length] as Agent;
  }

  /** Every change since the last look, in order; what may never happen is told with the change that did it. */
  #check(): void {
    for (; this.#checked < this.store.changes.length; this.#checked++) {
      const { key, value } = this.store.changes[this.#checked] ?? {};
      if (key === undefined) continue;
      const before = this.#seen.get(key);
      if (key === "state" && before !== undefined)
        this.#checkAdvance(before as RolloutState, value as RolloutState);
      this.#seen.set(key, value);
      if (key.startsWith("status/")) this.#checkStatus(value as NodeStatus, before);
    }
    this.#checkCap();
  }

  #checkStatus(status: NodeStatus, before: unknown): void {
    const { node, offer, refused, source } = status;
    const was = (before as NodeStatus | undefined)?.offer;
    if (offer === undefined || (was?.id === offer.id && was.resentMs === offer.resentMs)) return;
    const isSame = was?.id === offer.id && was.sentOn === offer.sentOn;
    // It has lost it, or does not do what it says.
    const isLater = isFinal(was?.phase) && offer.resentMs >= (was?.phaseMs ?? 0) + 600_000;
    const isAgain = isSame && offer.rolloutId === undefined && isLater;
    assert.ok(!isSame || isAgain, `${node} was told ${offer.id} twice on a stream`);
    const once = `${node} ${offer.sentOn} ${offer.id}`;
    const isOnce = offer.rolloutId === undefined || offer.mode === "preflight";
    assert.ok(!isOnce || isAgain || !this.#told.has(once), `${once} was told twice on a stream`);
    this.#told.add(once);
    assert.ok(source !== "pinned", `${node} is pinned and was told ${offer.id}`);
    if (offer.mode !== "apply") return;
    const hasRefused = refused.some(({ digest }) => digest === offer.digest);
    // On another stream it is the same try.
    const isTrying = was?.id === offer.id && !isFinal(was.phase);
    if (offer.rolloutId === undefined && hasRefused && !isTrying) {
      const isAnswered = was?.digest === offer.digest && isRefusal(was.phase);
      const isUntouched = isAnswered ? was.phase === "rejected" : status.running === undefined;
      assert.ok(isUntouched, `${node} was offered again what it has gone back from`);
      const waitedMs = was === undefined ? Infinity : offer.resentMs - (was.phaseMs ?? was.resentMs);
      assert.ok(waitedMs >= 60_000, `${node} was asked again, ${waitedMs} ms after it has refused`);
    }
    if (offer.rolloutId !== this.spec.id) return;
    this.offers++;
    const labels = this.#labels.get(node) ?? {};
    const wave = findWave(this.spec, { id: node, labels }, sha256);
    const state = this.#seen.get("state") as RolloutState;
    assert.equal(state.phase, "waves", `${node} was told to apply in ${state.phase}`);
    assert.ok(
      wave !== undefined && wave <= state.wave,
      `${node} of wave ${wave} was told in wave ${state.wave}`,
    );
  }

  /** With a controller that sees everything: who leaves a wave behind has enough of it done. */
  #checkAdvance(before: RolloutState, after: RolloutState): void {
    const isAdvance = before.phase === "waves" && (after.wave > before.wave || after.phase === "done");
    if (!isAdvance || this.#scenario.lag !== Number.POSITIVE_INFINITY) return;
    let [done, known] = [0, 0];
    for (const { node, connection, source, offer } of this.store.under<NodeStatus>("status/")) {
      const labels = this.#labels.get(node) ?? {};
      if (findWave(this.spec, { id: node, labels }, sha256) !== before.wave) continue;
      if (offer?.rolloutId === this.spec.id && offer.phase === "soaked") done++;
      const isServed = this.servers.some(({ id, isCut }) => id === connection?.server && !isCut);
      const isFree = source === "feed" && this.store.get(`overrides/${node}`) === undefined;
      if (isServed && isFree && (connection?.sinceMs ?? this.nowMs) < this.nowMs) known++;
    }
    const { minDone = 1, name } = this.spec.waves[before.wave] ?? {};
    assert.ok(done >= minDone * known, `wave ${name} was left with ${done} done of ${known}`);
  }

  #checkCap(): void {
    let count = 0;
    for (const { offer } of this.store.under<NodeStatus>("status/"))
      if (isInFlight(this.spec, offer, this.nowMs)) count++;
    const cap = this.spec.waves[this.state.wave]?.maxInFlight ?? 0;
    assert.ok(count <= cap, `${count} in flight, ${cap} may be`);
  }
}

function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}
