import type { FleetNode } from "../../core/fleet/node-status.ts";
import type { NodeIdentity } from "../../core/signing/selector.ts";
import type { FleetRecords } from "./fleet-records.ts";

/** All nodes of the inventory, and all that were ever seen. */
export function listNodes(records: FleetRecords): readonly FleetNode[] {
  const nodes: FleetNode[] = [];
  for (const id of records.inventory.keys()) nodes.push(findNode(records, id));
  for (const id of records.status.keys()) if (!records.inventory.has(id)) nodes.push(findNode(records, id));
  return nodes;
}

export function findNode(records: FleetRecords, id: string): FleetNode {
  const status = records.status.get(id)?.value;
  return { ...identifyNode(records, id), ...(status && { status }) };
}

/** A node's own word about its labels does not count; without an entry in the inventory it has none. */
export function identifyNode({ inventory }: FleetRecords, id: string): NodeIdentity {
  return { id, labels: inventory.get(id)?.value.labels ?? NO_LABELS };
}

const NO_LABELS: NodeIdentity["labels"] = {};

/** Of these nodes a record cannot be read that says what they are, or what an operator wants of them: they are left alone. */
export function listDoubtfulNodes({ broken }: FleetRecords): ReadonlySet<string> {
  const nodes = new Set<string>();
  for (const { name } of broken.values())
    if (name.kind === "override" || name.kind === "inventory") nodes.add(name.id);
  return nodes;
}
