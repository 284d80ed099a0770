import type { InventoryEntry } from "../core/fleet/inventory.ts";
import {
  formatInventory,
  parseInventoryFile,
  readInventoryWords,
} from "../core/fleet/parse-inventory-file.ts";
import { formatIssue, hasErrors } from "../core/issue.ts";
import { type CommandIo, type ExitCode, printJson } from "./command.ts";
import { countNodes, listNames } from "./fleet-figures.ts";
import type { FleetStorePort } from "./fleet-store-port.ts";
import type { FleetVerifyDeps } from "./fleet-verify.ts";

export interface InventoryDeps extends Pick<FleetVerifyDeps, "readSources"> {
  readonly store: FleetStorePort;
}

/** `fleet inventory list`: a line for each node, as `import` reads them; nodes that are not in it are told. */
export async function fleetInventoryList(io: CommandIo, store: FleetStorePort): Promise<ExitCode> {
  const { view, inventory } = await store.look();
  const others = view.nodes.map(({ id }) => id).filter((id) => !inventory.has(id));
  if (io.json) printJson(io, "fleet-inventory", { nodes: Object.fromEntries(inventory), others });
  else io.stdout(formatInventory(inventory));
  if (others.length > 0)
    io.stderr(`Not in it, and so without labels: ${listNames(others.toSorted(), others.length, 200)}\n`);
  return 0;
}

/** `fleet inventory set NODE [KEY=VALUE…]`: these labels, and no others. */
export async function fleetInventorySet(
  words: readonly string[],
  io: CommandIo,
  store: FleetStorePort,
): Promise<ExitCode> {
  const read = readInventoryWords(words);
  if ("message" in read) {
    io.stderr(`mirrorlet: ${read.message}; ${read.fix}\n`);
    return 64;
  }
  const [id = ""] = words;
  await store.writeInventory(new Map([[id, read]]));
  if (io.json) printJson(io, "fleet-inventory", { nodes: { [id]: read } });
  else io.stdout(formatInventory([[id, read]]));
  return 0;
}

/** `fleet inventory import FILE`: what the file has; with --replace nothing else. */
export async function fleetInventoryImport(
  path: string,
  { replace }: { readonly replace: boolean | undefined },
  io: CommandIo,
  { store, readSources }: InventoryDeps,
): Promise<ExitCode> {
  const read = await readSources([path]);
  const [file] = read.ok ? read.files : [];
  const parsed = file && parseInventoryFile(file);
  const issues = read.ok ? (parsed?.issues ?? []) : read.issues;
  for (const issue of issues) io.stderr(`${formatIssue(issue)}\n`);
  if (parsed === undefined || hasErrors(issues)) {
    io.stderr("mirrorlet: the inventory is as it was\n");
    return 65;
  }
  const { inventory } = await store.look();
  const { entries } = parsed;
  const gone = replace ? [...inventory.keys()].filter((id) => !entries.has(id)) : [];
  const changed = [...entries].filter(([id, entry]) => !isSame(inventory.get(id), entry));
  if (replace && entries.size === 0 && inventory.size > 0) {
    io.stderr("mirrorlet: the file is empty, and with --replace that would take out every node\n");
    return 65;
  }
  await store.writeInventory(new Map([...changed, ...gone.map((id) => [id, undefined] as const)]));
  const same = entries.size - changed.length;
  if (io.json)
    printJson(io, "fleet-inventory-import", { written: changed.length, same, removed: gone.length });
  else
    io.stdout(
      `${countNodes(changed.length)} written, ${countNodes(same)} as before, ${countNodes(gone.length)} taken out\n`,
    );
  return 0;
}

function isSame(one: InventoryEntry | undefined, other: InventoryEntry): boolean {
  return one !== undefined && formatInventory([["n", one]]) === formatInventory([["n", other]]);
}

/** `fleet inventory remove NODE…`: for machines that are no more; all that is known of them goes. */
export async function fleetInventoryRemove(
  nodes: readonly string[],
  io: CommandIo,
  store: FleetStorePort,
): Promise<ExitCode> {
  const { view } = await store.look();
  const byId = new Map(view.nodes.map((node) => [node.id, node]));
  const removed: string[] = [];
  for (const id of nodes) {
    const refusal = await forget(id);
    if (refusal === undefined) removed.push(id);
    else io.stderr(`mirrorlet: ${id} ${refusal}\n`);
  }
  if (io.json) printJson(io, "fleet-inventory", { removed });
  else for (const id of removed) io.stdout(`${id} is forgotten\n`);
  return removed.length === nodes.length ? 0 : 1;

  async function forget(id: string): Promise<string | undefined> {
    const node = byId.get(id);
    if (node === undefined) return "is not known";
    const { connection } = node.status ?? {};
    if (connection !== undefined && !view.gone.has(connection.server))
      return "is connected: stop its agent, or take its certificate back, first";
    return (await store.forgetNode(id)) ? undefined : "was heard of just now, and is kept";
  }
}
