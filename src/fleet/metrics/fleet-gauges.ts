import { listStable } from "../../core/fleet/channel.ts";
import { isEnded } from "../../core/fleet/rollout-state.ts";
import type { ListedChannel } from "../store/list-channels.ts";
import type { FleetFigures } from "./fleet-figures.ts";

export type Sample = readonly [value: number, labels?: Readonly<Record<string, string>>];

/** One family of metrics, by name without `mirrorlet_fleet_`. Labels are bounded: never a node, never the text of an error. */
export interface FleetGauge {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly read: (figures: FleetFigures) => readonly Sample[];
}

export const FLEET_GAUGES: readonly FleetGauge[] = [
  {
    name: "records_age_seconds",
    help: "How old the fleet's records may be that this process knows.",
    labels: [],
    read: ({ followed }) => [[followed.ageMs() / 1000]],
  },
  {
    name: "records_broken",
    help: "Records that cannot be read. What they are about is left alone.",
    labels: [],
    read: ({ followed }) => [[followed.records.broken.size]],
  },
  {
    name: "controller_beat_age_seconds",
    help: "How long ago the controller was last heard; +Inf: nobody leads. From 30 s on rollouts stand still.",
    labels: [],
    read: ({ followed }) => [[followed.beatAgeMs() / 1000]],
  },
  {
    name: "controller_clock_off_seconds",
    help: "By how much this machine's clock is ahead of the controller's. Beyond 30 s either way rollouts stand still here.",
    labels: [],
    read: ({ followed, atMs }) => [[followed.clockOffMs(atMs()) / 1000]],
  },
  {
    name: "controller_leading",
    help: "1 where this process leads the fleet.",
    labels: [],
    read: ({ controller }) => (controller ? [[Number(controller.role === "leading")]] : []),
  },
  {
    name: "servers",
    help: "Feed servers that are there.",
    labels: [],
    read: ({ followed }) => [[followed.records.server.size]],
  },
  {
    name: "channel_in_doubt",
    help: "1 where a record cannot be read that may be about the channel: nothing new is said to its nodes.",
    labels: ["channel"],
    read: ({ channels }) =>
      channels.map(({ name, doubt }) => [Number(doubt !== undefined), { channel: name }] as const),
  },
  {
    name: "channel_serial",
    help: "Serial of the channel's stable state.",
    labels: ["channel"],
    read: ({ channels }) =>
      channels.flatMap(({ name, channel }) =>
        channel.stable ? [[channel.stable.serial, { channel: name }] as const] : [],
      ),
  },
  {
    name: "channel_expires_timestamp_seconds",
    help: "When the first of the channel's stable states expires: nodes keep it, and none takes it from then on.",
    labels: ["channel"],
    read: ({ channels, endOf }) =>
      channels.flatMap(({ name, channel }) => {
        const ends = listStable(channel).flatMap(({ digest }) => endOf(digest) ?? []);
        return ends.length === 0 ? [] : [[Math.min(...ends) / 1000, { channel: name }] as const];
      }),
  },
  {
    name: "rollout_phase",
    help: "1 for the phase that a rollout is in; of those that are over, the newest of each channel.",
    labels: ["channel", "rollout", "phase"],
    read: ({ channels }) => channels.flatMap(listPhases),
  },
  {
    name: "rollout_wave",
    help: "The newest wave that is released, counted from 0.",
    labels: ["channel", "rollout"],
    read: ({ channels }) =>
      channels.flatMap(({ name, rollouts }) =>
        rollouts
          .filter(({ state }) => !isEnded(state))
          .map(({ spec, state }) => [state.wave, { channel: name, rollout: spec.id }] as const),
      ),
  },
  {
    name: "rollout_waits",
    help: "1 for what a rollout waits for. Told by the one that leads.",
    labels: ["rollout", "for"],
    read: ({ controller }) =>
      [...(controller?.waits ?? [])].map(([rollout, code]) => [1, { rollout, for: code }] as const),
  },
  {
    name: "rollout_nodes",
    help: "Nodes of released waves, by what they mean to the rollout. Told by the one that leads.",
    labels: ["rollout", "wave", "outcome"],
    read: ({ summary }) =>
      (summary?.rollouts ?? []).flatMap(({ id, waves }) =>
        waves.flatMap(({ name, counts }) =>
          Object.entries(counts ?? {}).map(
            ([outcome, count]) => [count, { rollout: id, wave: name, outcome }] as const,
          ),
        ),
      ),
  },
  {
    name: "nodes",
    help: "Nodes of the fleet: connected; gone: seen before, and not connected now; unseen: in the inventory alone. Told by the one that leads.",
    labels: ["connection"],
    read: ({ summary }) =>
      summary
        ? [
            [summary.connected, { connection: "connected" }],
            [summary.gone, { connection: "gone" }],
            [summary.unseen, { connection: "unseen" }],
          ]
        : [],
  },
  {
    name: "nodes_running",
    help: "Nodes by the serial they run; 0: nothing of ours, others: the rare ones. Told by the one that leads.",
    labels: ["serial", "digest"],
    read: ({ summary }) =>
      (summary?.running ?? []).map(({ nodes, serial, digest, isOthers }) => {
        const labels = {
          serial: isOthers ? "others" : String(serial ?? 0),
          digest: (digest ?? "").slice(0, 12),
        };
        return [nodes, labels] as const;
      }),
  },
  {
    name: "nodes_different",
    help: "Nodes that are not as the rest, by how; a node may count for several. Told by the one that leads.",
    labels: ["kind"],
    read: ({ summary }) => (summary?.differences ?? []).map(({ kind, count }) => [count, { kind }] as const),
  },
];

function listPhases({ name, rollouts }: ListedChannel): readonly Sample[] {
  const over = rollouts
    .filter(({ state }) => isEnded(state))
    .toSorted((a, b) => b.state.startedMs - a.state.startedMs)
    .slice(0, 1);
  return [...rollouts.filter(({ state }) => !isEnded(state)), ...over].map(
    ({ spec, state }) => [1, { channel: name, rollout: spec.id, phase: state.phase }] as const,
  );
}
