import type { Assignment } from "../../../../src/core/fleet/assignment.ts";
import { chooseAssignment } from "../../../../src/core/fleet/choose-assignment.ts";
import { findChannel } from "../../../../src/core/fleet/find-channel.ts";
import { countInFlight, isNewestStream } from "../../../../src/core/fleet/in-flight.ts";
import type { NodeStatus } from "../../../../src/core/fleet/node-status.ts";
import { NO_TOKENS, sizeOf, takeTokens } from "../../../../src/core/fleet/share-tokens.ts";
import { connectNode, recordOffer, recordReport } from "../../../../src/core/fleet/update-status.ts";
import type { Lease } from "../../../../src/fleet/engine/engine.ts";
import { EngineError } from "../../../../src/fleet/engine/engine-error.ts";
import { guardOf } from "../../../../src/fleet/store/commit.ts";
import type { FleetStore } from "../../../../src/fleet/store/fleet-store.ts";
import { type FollowedFleet, followFleet } from "../../../../src/fleet/store/follow-fleet.ts";
import { listChannels } from "../../../../src/fleet/store/list-channels.ts";
import { identifyNode } from "../../../../src/fleet/store/list-nodes.ts";
import { type ServerSeat, servedBy, takeSeat } from "../../../../src/fleet/store/serve-fleet.ts";
import { writeStatuses } from "../../../../src/fleet/store/write-status.ts";
import { writeTokens } from "../../../../src/fleet/store/write-tokens.ts";
import { sha256 } from "../../../core/fleet/support/fleet.ts";
import type { Agent } from "../../../core/fleet/support/sim/agent.ts";

export interface ScriptedServer {
  readonly followed: FollowedFleet;
  /** `n1 r1/1/apply`: what was sent, in order. */
  readonly sent: readonly string[];
  /** Its process is gone, and its lease with it. */
  die(): Promise<void>;
}

export interface ScriptedServerOptions {
  readonly store: FleetStore;
  readonly id: string;
  /** What is connected to it; they act with it. */
  readonly agents: readonly Agent[];
  /** Of ages; default: as time goes by. */
  readonly uptimeMs?: () => number;
}

/** A feed server that speaks to simulated agents in memory, and to the engine as a real one has to. */
export async function startScriptedServer(options: ScriptedServerOptions): Promise<ScriptedServer> {
  const { store, id, agents, uptimeMs = () => performance.now() } = options;
  const followed = followFleet(store, { nowMs: uptimeMs, random: Math.random, proveMs: 100 });
  await followed.ready;
  const lease = await store.engine.lease(20_000);
  const record = { version: "test", host: "lab", startedMs: Date.now() };
  const seat = await takeSeat(store, id, record, lease.id);
  if (seat === undefined) throw new Error(`${id} is taken`);
  const stopping = new AbortController();
  const nodes = agents.map((agent, index) =>
    createNode(agent, index + 1, { store, followed, seat, sent: [] }),
  );
  const sent: string[] = [];
  const running = Promise.all(
    nodes.map(async (node) => {
      while (!stopping.signal.aborted) {
        await node.step(sent).catch((error: unknown) => {
          if (!(error instanceof EngineError)) throw error;
        });
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }),
  );
  return {
    followed,
    sent,
    async die() {
      stopping.abort();
      await running;
      await endQuietly(lease, followed);
    },
  };
}

async function endQuietly(lease: Lease, followed: FollowedFleet): Promise<void> {
  await lease.end();
  await followed.close();
}

interface Parts {
  readonly store: FleetStore;
  readonly followed: FollowedFleet;
  readonly seat: ServerSeat;
  readonly sent: string[];
}

function createNode(agent: Agent, stream: number, { store, followed, seat }: Parts) {
  const { records } = followed;
  /** Newer than the records may be. */
  let own: { readonly status: NodeStatus; readonly modRevision: number } | undefined;
  /** Offered, as far as that is known, and not told to the agent. */
  let unsent: { readonly assignment: Assignment; readonly resentMs: number | undefined } | undefined;
  const current = () => {
    const stored = records.status.get(agent.id);
    if (stored === undefined || (own !== undefined && own.modRevision > stored.modRevision)) return own;
    return { status: stored.value, modRevision: stored.modRevision };
  };
  const write = async (status: NodeStatus, guards: Parameters<typeof writeStatuses>[3] = []) => {
    const modRevision = current()?.modRevision ?? 0;
    const result = await writeStatuses(store, seat, [{ status, modRevision }], guards);
    if (result.ok) own = { status, modRevision: result.revision };
    return result.ok;
  };
  const isOurs = (): boolean => {
    const status = current()?.status;
    return status !== undefined && isNewestStream(status, seat.id, stream);
  };
  const connect = (): Promise<boolean> => {
    const connection = { server: seat.id, stream, instance: agent.instance, sinceMs: Date.now() };
    const versions = { agent: "1", containerd: "2.1.4" };
    return write(connectNode(current()?.status, agent.id, connection, versions, agent.view));
  };
  const report = async (): Promise<void> => {
    const reports = agent.takeReports();
    for (const [index, one] of reports.entries()) {
      const before = current()?.status;
      const isDone =
        before !== undefined && (await write(recordReport(before, one, Date.now())).catch(() => false));
      if (!isDone) return agent.putBack(reports.slice(index));
    }
  };
  const choose = (): Assignment | undefined => {
    const status = current()?.status;
    const channel = findChannel(listChannels(records), identifyNode(records, agent.id));
    if (status === undefined || typeof channel === "string") return undefined;
    const override = records.override.get(agent.id)?.value;
    const view = {
      ...channel,
      ...(override && { override }),
      engineAgeMs: followed.ageMs(),
      beatAgeMs: followed.beatAgeMs(),
    };
    const node = { ...identifyNode(records, agent.id), status };
    return chooseAssignment(node, view, Date.now(), sha256).assignment;
  };
  const takeToken = async (id: string): Promise<boolean> => {
    const spec = records.spec.get(id)?.value;
    const state = records.state.get(id);
    if (spec === undefined || state === undefined) return false;
    const before = records.tokens.get(id);
    const blocks = before?.value ?? NO_TOKENS;
    const statuses = [...records.status.values()].map(({ value }) => value);
    if (countInFlight(spec, statuses, seat.id, Date.now()) < sizeOf(blocks.blocks, seat.id)) return true;
    const taken = takeTokens(blocks, seat.id, 1, spec.waves[state.value.wave]?.maxInFlight ?? 1);
    if (taken === undefined) return false;
    const guard = guardOf(store.fleet, records, { kind: "state", id });
    return (await writeTokens(store, id, before, taken, [servedBy(seat), guard])).ok;
  };
  const send = async (assignment: Assignment, sent: string[]): Promise<void> => {
    const { rolloutId, needsToken } = assignment;
    const status = current()?.status;
    const names = [
      { kind: "channel", id: "stable" },
      { kind: "override", id: agent.id },
      ...(rolloutId === undefined ? [] : [{ kind: "state", id: rolloutId } as const]),
    ] as const;
    const guards = names.map((name) => guardOf(store.fleet, records, name));
    if (status === undefined || (needsToken && !(await takeToken(rolloutId ?? "")))) return;
    const offered = recordOffer(status, assignment, Date.now());
    unsent = { assignment, resentMs: offered.offer?.resentMs };
    if (await write(offered, guards)) deliver(assignment, sent);
  };
  const deliver = (assignment: Assignment, sent: string[]): void => {
    unsent = undefined;
    sent.push(`${agent.id} ${assignment.id}`);
    agent.receive(assignment, Date.now());
  };
  /** Of a write that nobody answered: whether it was done, the records tell. */
  const findUnsent = (): Assignment | undefined => {
    const offer = records.status.get(agent.id)?.value.offer;
    const isThere = offer?.id === unsent?.assignment.id && offer?.resentMs === unsent?.resentMs;
    return isThere ? unsent?.assignment : undefined;
  };
  return {
    async step(sent: string[]): Promise<void> {
      agent.act(Date.now());
      if (agent.isDead || !agent.isUp) return;
      if (!isOurs()) await connect();
      await report();
      const late = findUnsent();
      if (late !== undefined && isOurs()) deliver(late, sent);
      const assignment = choose();
      if (assignment !== undefined && isOurs()) await send(assignment, sent);
    },
  };
}
