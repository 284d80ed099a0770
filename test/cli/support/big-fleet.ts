import type { FleetPicture } from "../../../src/cli/fleet-report.ts";
import { countOutRollout } from "../../../src/core/fleet/count-out-rollout.ts";
import { DEFAULT_ROLLOUT } from "../../../src/core/fleet/default-rollout.ts";
import { findWave } from "../../../src/core/fleet/membership.ts";
import type { FleetNode, NodeStatus } from "../../../src/core/fleet/node-status.ts";
import type { RolloutState } from "../../../src/core/fleet/rollout-state.ts";
import {
  channelWith,
  NEW,
  OLD,
  OTHER,
  offerWith,
  SECOND,
  sha256,
  stateWith,
  statusWith,
  T0,
} from "../../core/fleet/support/fleet.ts";

export const NOW = T0 + 1800 * SECOND;

const CLASSES = ["cpu", "gpu", "edge"] as const;

/** Ten thousand nodes of three classes, in the third wave of a rollout that fails on some; most of what can differ does. */
export function bigFleet(changes: Partial<RolloutState> = {}, failing = 40, size = 10_000): FleetPicture {
  const state = stateWith({ wave: 2, startedMs: NOW - 300 * SECOND, ...changes });
  const bare = Array.from({ length: size }, (_, index) => ({
    id: `node-${String(index).padStart(5, "0")}.fra.example`,
    labels: { class: CLASSES[index % 3] as string, zone: `z${index % 7}` },
  }));
  const facts = {
    id: "stable-8",
    channel: "stable",
    from: OLD,
    to: NEW,
    supersedes: [],
    createdMs: T0,
    createdBy: "ann@bastion",
  };
  const spec = countOutRollout(DEFAULT_ROLLOUT, facts, bare, sha256);
  const waveOf = new Map(bare.map((node) => [node.id, findWave(spec, node, sha256) ?? 99]));
  const nodes = bare.map((node, index) => ({
    ...node,
    ...statusOf(node, index, waveOf.get(node.id) ?? 99, state, failing),
  }));
  const named = (n: number) => nodes[n % size]?.id ?? "";
  return {
    fleet: "prod",
    atMs: NOW,
    channels: [
      {
        name: "stable",
        channel: channelWith({ stable: state.phase === "done" ? NEW : OLD }),
        rollouts: [
          {
            spec: { ...spec, id: "stable-7", to: OLD, from: OTHER },
            state: stateWith({ phase: "done", wave: 4, startedMs: T0 - 86_400 * SECOND }),
          },
          { spec, state },
        ],
      },
    ],
    ending: [],
    view: { nodes, overridden: new Set([named(77), named(78)]), gone: new Map(), watchedSinceMs: T0 },
    overrides: new Map([[named(77), { reason: "disk swap", by: "ben@bastion", atMs: NOW - 60 * SECOND }]]),
    inventory: new Map(bare.map(({ id, labels }) => [id, { labels }])),
    servers: ["feed-1", "feed-2", "feed-3"].map((id) => ({ id })),
    controller: { id: "feed-2" },
    broken: [],
  };
}

function statusOf(
  node: Pick<FleetNode, "id" | "labels">,
  index: number,
  wave: number,
  state: RolloutState,
  failing: number,
): { readonly status?: NodeStatus } {
  if (index % 2500 === 2499) return {};
  const server = `feed-${(index % 3) + 1}`;
  const base = statusWith({
    node: node.id,
    connection: { server, stream: index, instance: "aa", sinceMs: T0 },
    containerd: index % 10 === 3 ? "1.7.27" : "2.1.4",
  });
  const { connection: _, ...away } = base;
  if (index % 97 === 13) return { status: { ...away, seenMs: NOW - 3_600_000 } };
  if (index % 1999 === 7) return { status: { ...base, source: "pinned" } };
  if (index % 2111 === 9) return { status: { ...base, running: OTHER } };
  if (index % 1709 === 21) return { status: { ...base, drifted: true } };
  if (index % 3011 === 50)
    return { status: { ...base, unwell: { verdict: "bypassed", namespace: "gcr.io" } } };
  if (wave > state.wave) return { status: base };
  return { status: { ...base, ...progressOf(node, index, wave, state, `${server}/${index}`, failing) } };
}

function progressOf(
  { labels }: Pick<FleetNode, "labels">,
  index: number,
  wave: number,
  state: RolloutState,
  sentOn: string,
  failing: number,
): Partial<NodeStatus> {
  const offer = { sentMs: NOW - 200 * SECOND, resentMs: NOW - 200 * SECOND, sentOn };
  const done = {
    running: NEW,
    offer: offerWith({ ...offer, id: "stable-8/1/apply", rolloutId: "stable-8", phase: "soaked" }),
  };
  if (wave < state.wave || state.phase === "done") return done;
  if (labels["class"] === "gpu" && index % failing === 0)
    return {
      offer: offerWith({
        ...offer,
        id: "stable-8/1/apply",
        rolloutId: "stable-8",
        phase: "reverted",
        phaseMs: NOW - index,
        error:
          index % 3 === 0 || index % 80 === 0
            ? {
                code: "mirror-unreachable",
                message: "no connection to mirror-b:5000: connection refused",
                item: "mirror-b:5000",
              }
            : {
                code: "gate-failed",
                message:
                  "containerd did not come up with the new config.toml: failed to load plugin io.containerd.grpc.v1.cri: invalid plugin config: `mirrors` cannot be set when `config_path` is provided",
              },
      }),
    };
  if (index % 4 === 0) return done;
  if (index % 4 === 1)
    return {
      offer: offerWith({ ...offer, id: "stable-8/1/apply", rolloutId: "stable-8", phase: "applied" }),
    };
  return {};
}
