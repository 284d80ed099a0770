import type { Channel } from "../core/fleet/channel.ts";
import { mayOverlap } from "../core/fleet/overlap.ts";
import { rebuildChannel } from "../core/fleet/rebuild-channel.ts";
import { plainText } from "../core/plain-text.ts";
import { describeSelector, isNodeName, matchesSelector } from "../core/signing/selector.ts";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";
import { countNodes, formatCount, nameBundle } from "./fleet-figures.ts";
import type { FleetPicture } from "./fleet-report.ts";
import type { ChannelSetOptions } from "./fleet-store-commands.ts";
import type { FleetStorePort } from "./fleet-store-port.ts";
import { createPaint } from "./paint.ts";
import { readSelectorOptions } from "./read-sign-options.ts";
import { layoutTable } from "./text-table.ts";

/** `fleet channel list` */
export async function fleetChannelList(io: CommandIo, store: FleetStorePort): Promise<ExitCode> {
  const { channels, view } = await store.look();
  const members = (channel: Channel): number =>
    view.nodes.filter((node) => matchesSelector(channel.members, node)).length;
  if (io.json) {
    const list = channels.map(({ name, channel, doubt }) => ({
      name,
      ...channel,
      nodes: members(channel),
      ...(doubt !== undefined && { doubt }),
    }));
    printJson(io, "fleet-channels", { fleet: store.fleet, channels: list });
    return 0;
  }
  if (channels.length === 0)
    io.stderr("The fleet has no channel: mirrorlet fleet publish makes the first.\n");
  const rows = channels.map(({ name, channel, doubt }) => [
    name,
    formatCount(members(channel)),
    doubt === undefined ? describeStable(channel) : "in doubt: a record of it cannot be read",
    channel.members.nodes?.length === 0 ? "unknown" : plainText(describeSelector(channel.members)),
  ]);
  const table = layoutTable([["CHANNEL", "NODES", "STABLE", "TAKEN BY"], ...rows], {
    paint: createPaint(io.color),
    columns: io.columns,
    right: [1],
  });
  if (channels.length > 0) io.stdout(`${table.join("\n")}\n`);
  return 0;
}

function describeStable({ stable, scoped }: Channel): string {
  const parts = scoped.length === 0 ? "" : `${scoped.length} ${scoped.length === 1 ? "part" : "parts"}`;
  const whole = stable === undefined ? "" : nameBundle(stable);
  return [whole, parts].filter((text) => text !== "").join(", and for ") || "none yet";
}

/** `fleet channel set NAME`: makes a channel, or says anew which nodes take from it. */
export async function fleetChannelSet(
  name: string,
  options: ChannelSetOptions,
  io: CommandIo,
  store: FleetStorePort,
): Promise<ExitCode> {
  const members = readSelectorOptions(options);
  if (typeof members === "string" || !isNodeName(name)) {
    const wrong = typeof members === "string" ? members : `${JSON.stringify(name)} is no name of a channel`;
    io.stderr(`mirrorlet: ${wrong}\n`);
    return 64;
  }
  const picture = await store.look();
  let isMended = false;
  const written = await store.writeChannel(name, (before) => {
    isMended = before !== undefined && "rollouts" in before;
    if (before === undefined) return { members, scoped: [], generation: 0 };
    return "rollouts" in before ? rebuildChannel(members, before.rollouts) : { ...before, members };
  });
  if (typeof written === "string") {
    io.stderr(`mirrorlet: ${written}\n`);
    return 1;
  }
  for (const warning of listShared(name, written, picture)) io.stderr(`mirrorlet: warning: ${warning}\n`);
  if (io.json) printJson(io, "fleet-channel", { name, ...written });
  else io.stdout(`${name} is taken by ${plainText(describeSelector(members))}\n`);
  if (isMended)
    io.stderr(
      `mirrorlet: ${name} could not be read, and is made anew by its rollouts (stable: ${describeStable(written)}): see that this is what its nodes should run\n`,
    );
  return 0;
}

/** Nodes that would be members of two channels get nothing from either. */
function listShared(name: string, { members }: Channel, { channels, view }: FleetPicture): readonly string[] {
  return channels.flatMap(({ name: other, channel }) => {
    if (other === name || !mayOverlap(members, channel.members)) return [];
    const both = view.nodes.filter(
      (node) => matchesSelector(members, node) && matchesSelector(channel.members, node),
    );
    const [first] = both;
    if (first === undefined) return [];
    return [
      both.length === 1
        ? `${first.id} is a member of ${other} too, and takes from neither`
        : `${countNodes(both.length)} are members of ${other} too, ${first.id} for one, and take from neither`,
    ];
  });
}
