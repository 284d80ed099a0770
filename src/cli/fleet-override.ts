import { chooseBundle } from "../core/fleet/choose-bundle.ts";
import { findChannel } from "../core/fleet/find-channel.ts";
import type { Override } from "../core/fleet/override.ts";
import { plainText } from "../core/plain-text.ts";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";
import { formatWhen, nameBundle } from "./fleet-figures.ts";
import type { FleetPicture } from "./fleet-report.ts";
import type { OverrideSetOptions } from "./fleet-store-commands.ts";
import type { FleetStorePort } from "./fleet-store-port.ts";
import { openPublished } from "./open-published.ts";
import { createPaint } from "./paint.ts";
import { readDeed } from "./read-deed.ts";
import { layoutTable } from "./text-table.ts";

export interface OverrideDeps {
  readonly store: FleetStorePort;
  readonly sha256: (bytes: Uint8Array) => string;
  readonly nowMs: () => number;
  readonly user: string;
}

/** `fleet override set NODE… --to STATE | --hold`: whatever rollouts say, these nodes get that, or keep what they run. */
export async function fleetOverrideSet(
  nodes: readonly string[],
  options: OverrideSetOptions,
  io: CommandIo,
  { store, sha256, nowMs, user }: OverrideDeps,
): Promise<ExitCode> {
  const refuse = (message: string, code: ExitCode): ExitCode => {
    io.stderr(`mirrorlet: ${message}\n`);
    return code;
  };
  const deed = readDeed(options, user, nowMs());
  if ("usage" in deed) return refuse(deed.usage, 64);
  if ((options.to === undefined) === (options.hold !== true))
    return refuse("say what they get, --to SERIAL, or --hold to keep what they run", 64);
  const [picture, bundles] = await Promise.all([store.look(), store.listBundles()]);
  const published = openPublished(bundles, sha256);
  const overrides: [node: string, override: Override][] = [];
  for (const node of nodes) {
    const channel = channelOf(node, picture);
    if ("message" in channel) return refuse(channel.message, 1);
    if (options.to === undefined) overrides.push([node, deed]);
    else {
      const chosen = chooseBundle(options.to, channel.name, published);
      if (!chosen.ok) return refuse(chosen.message, 1);
      const { digest, serial } = chosen.bundle;
      overrides.push([node, { ...deed, bundle: { digest, serial } }]);
    }
  }
  for (const [node, override] of overrides) await store.setOverride(node, override);
  if (io.json) printJson(io, "fleet-override", { overrides: Object.fromEntries(overrides) });
  else for (const [node, override] of overrides) io.stdout(`${node} ${describe(override)}\n`);
  return 0;
}

function channelOf(
  id: string,
  { view, channels }: FleetPicture,
): { readonly name: string } | { readonly message: string } {
  const node = view.nodes.find((one) => one.id === id);
  if (node === undefined) return { message: `nobody has heard of a node ${id}` };
  const found = findChannel(channels, node);
  return typeof found === "string" ? { message: `${id} takes from no channel, or from several` } : found;
}

function describe({ bundle }: Override): string {
  return bundle === undefined ? "keeps what it runs" : `gets ${nameBundle(bundle)}`;
}

/** `fleet override clear NODE…`: rollouts and the channel's stable state count again. */
export async function fleetOverrideClear(
  nodes: readonly string[],
  io: CommandIo,
  store: FleetStorePort,
): Promise<ExitCode> {
  const { view } = await store.look();
  for (const node of nodes) await store.clearOverride(node);
  const none = nodes.filter((node) => !view.overridden.has(node));
  const cleared = nodes.filter((node) => view.overridden.has(node));
  if (io.json) printJson(io, "fleet-override", { cleared });
  else for (const node of cleared) io.stdout(`${node} has no override any more\n`);
  for (const node of none) io.stderr(`mirrorlet: ${node} had no override\n`);
  return none.length === nodes.length ? 1 : 0;
}

/** `fleet override list` */
export async function fleetOverrideList(io: CommandIo, store: FleetStorePort): Promise<ExitCode> {
  const { overrides, atMs } = await store.look();
  if (io.json) {
    printJson(io, "fleet-overrides", { overrides: Object.fromEntries(overrides) });
    return 0;
  }
  if (overrides.size === 0) io.stderr("No node has an override.\n");
  const rows = [...overrides].toSorted().map(([node, override]) => {
    const { by, reason } = override;
    return [
      node,
      formatWhen(override.atMs, atMs),
      plainText(by),
      `${describe(override)}${reason === "" ? "" : `: ${plainText(reason)}`}`,
    ];
  });
  const style = { paint: createPaint(io.color), columns: io.columns };
  if (rows.length > 0) io.stdout(`${layoutTable([["NODE", "SET", "BY", ""], ...rows], style).join("\n")}\n`);
  return 0;
}
