import type { Channel } from "../core/fleet/channel.ts";
import { rebuildChannel } from "../core/fleet/rebuild-channel.ts";
import { plainText } from "../core/plain-text.ts";
import { describeSelector, isNodeName, matchesSelector } from "../core/signing/selector.ts";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";
import { formatCount, nameBundle } from "./fleet-figures.ts";
import { listMemberRemarks } from "./fleet-member-remarks.ts";
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
    const remarks = listMemberRemarks(name, next, picture);
    const lines = remarks.length === 0 ? ["no node takes anything else"] : remarks;
    if (io.json) printJson(io, "fleet-channel", { name, ...next, remarks, written: false });
    else io.stdout(lines.map((line) => `${name}: ${line}\n`).join(""));
    io.stderr("Nothing was written: without --dry-run it is, and nodes are told at once, without waves.\n");
    return 0;
  }
  const written = await store.writeChannel(name, change);
  if (typeof written === "string") {
    io.stderr(`mirrorlet: ${written}\n`);
    return 1;
  }
  const remarks = listMemberRemarks(name, written, picture);
  for (const remark of remarks) io.stderr(`mirrorlet: warning: ${remark}\n`);
  if (isMended)
    io.stderr(
      `mirrorlet: warning: ${name} could not be read, and is made anew by its rollouts (stable: ${describeStable(written)}): see that this is what its nodes should run\n`,
    );
  if (io.json) printJson(io, "fleet-channel", { name, ...written, remarks, written: true });
  else io.stdout(`${name} is taken by ${plainText(describeSelector(members))}\n`);
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
