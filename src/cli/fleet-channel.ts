import type { Channel } from "../core/fleet/channel.ts";
import { mayOverlap } from "../core/fleet/overlap.ts";
import { rebuildChannel } from "../core/fleet/rebuild-channel.ts";
import { plainText } from "../core/plain-text.ts";
import { describeSelector, isNodeName, matchesSelector } from "../core/signing/selector.ts";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";
import { listMoves } from "./fleet-channel-moves.ts";
import { countNodes, formatCount, nameBundle } from "./fleet-figures.ts";
import type { FleetPicture } from "./fleet-report.ts";
import type { ChannelSetOptions } from "./fleet-store-commands.ts";
import type { BrokenChannel, FleetStorePort } from "./fleet-store-port.ts";
import { createPaint } from "./paint.ts";
import { readSelectorOptions } from "./read-sign-options.ts";
import { layoutTable } from "./text-table.ts";

/** `fleet channel list` */
export async function fleetChannelList(io: CommandIo, store: FleetStorePort): Promise<ExitCode> {
  const { channels, view, ending } = await store.look();
  const members = (channel: Channel): number =>
    view.nodes.filter((node) => matchesSelector(channel.members, node)).length;
  if (io.json) {
    const list = channels.map(({ name, channel, doubt }) => ({
      name,
      ...channel,
      nodes: members(channel),
      ...(doubt !== undefined && { doubt }),
      ending: ending.filter((one) => one.channel === name),
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
  const change = (before: Channel | BrokenChannel | undefined): Channel => {
    isMended = before !== undefined && "rollouts" in before;
    if (before === undefined) return { members, scoped: [], generation: 0 };
    return "rollouts" in before ? rebuildChannel(members, before.rollouts) : { ...before, members };
  };
  if (options.dryRun) {
    const known = picture.channels.find((one) => one.name === name);
    const next = change(known?.isBroken ? known : known?.channel);
    const moves = [...listMoves(picture, name, next), ...listShared(name, next, picture)];
    if (io.json) printJson(io, "fleet-channel", { name, ...next, moves, written: false });
    else
      io.stdout(
        `${name}: ${moves.length === 0 ? "no node takes anything else" : moves.join(`\n${name}: `)}\n`,
      );
    io.stderr("Nothing was written: without --dry-run it is, and nodes are told at once, without waves.\n");
    return 0;
  }
  const written = await store.writeChannel(name, change);
  if (typeof written === "string") {
    io.stderr(`mirrorlet: ${written}\n`);
    return 1;
  }
  const moves = listMoves(picture, name, written);
  for (const warning of [...moves, ...listShared(name, written, picture)])
    io.stderr(`mirrorlet: warning: ${warning}\n`);
  if (io.json) printJson(io, "fleet-channel", { name, ...written, moves, written: true });
  else io.stdout(`${name} is taken by ${plainText(describeSelector(members))}\n`);
  if (isMended)
    io.stderr(
      `mirrorlet: ${name} could not be read, and is made anew by its rollouts (stable: ${describeStable(written)}): see that this is what its nodes should run\n`,
    );
  return 0;
}

/** `fleet channel remove NAME`: of one that nothing was brought by, as when its name was mistyped. */
export async function fleetChannelRemove(
  name: string,
  io: CommandIo,
  store: FleetStorePort,
): Promise<ExitCode> {
  const picture = await store.look();
  const refusal = await store.removeChannel(name);
  if (refusal !== undefined) {
    io.stderr(`mirrorlet: ${refusal}\n`);
    return 1;
  }
  const left = picture.channels.filter((one) => one.name !== name);
  if (io.json) printJson(io, "fleet-channel", { name, removed: true });
  else
    io.stdout(
      `${name} is removed; the fleet has ${left.map((one) => one.name).join(", ") || "no channel"}\n`,
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
