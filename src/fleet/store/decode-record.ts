import { readChannel } from "../../core/fleet/channel.ts";
import { readInventory } from "../../core/fleet/inventory.ts";
import { readOverride } from "../../core/fleet/override.ts";
import { formatProblem, type ReadResult } from "../../core/fleet/problem.ts";
import { readNodeStatus } from "../../core/fleet/read-node-status.ts";
import { readRolloutSpec } from "../../core/fleet/read-rollout-spec.ts";
import { readRolloutState } from "../../core/fleet/read-rollout-state.ts";
import { readTokens } from "../../core/fleet/share-tokens.ts";
import { isNodeName } from "../../core/signing/selector.ts";
import type { RecordValues } from "./fleet-records.ts";
import { readControllerRecord, readServerRecord } from "./process-records.ts";
import type { RecordKind, RecordName } from "./record-name.ts";

export type Decoded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly message: string };

/** The value of a record, strictly: what is not understood is not acted on. */
export function decodeRecord<Kind extends RecordKind>(
  { kind, id }: RecordName & { readonly kind: Kind },
  bytes: Uint8Array,
): Decoded<RecordValues[Kind]> {
  if (kind !== "controller" && !isNodeName(id)) return refuse(`${JSON.stringify(id)} is no name`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return refuse("it is not UTF-8");
  }
  const read = READERS[kind](text);
  if (!read.ok) return refuse(read.problems.map(formatProblem).join("; ").slice(0, MOST_WORDS));
  const own = ownId(kind, read.value);
  return own === undefined || own === id ? read : refuse(`it is the record of ${own}`);
}

const READERS: { readonly [Kind in RecordKind]: (text: string) => ReadResult<RecordValues[Kind]> } = {
  channel: readChannel,
  spec: readRolloutSpec,
  state: readRolloutState,
  tokens: readTokens,
  status: readNodeStatus,
  override: readOverride,
  inventory: readInventory,
  server: readServerRecord,
  controller: readControllerRecord,
};

const MOST_WORDS = 500;

/** What the record itself says it is of. */
function ownId(kind: RecordKind, value: object): string | undefined {
  if (kind === "spec") return (value as RecordValues["spec"]).id;
  return kind === "status" ? (value as RecordValues["status"]).node : undefined;
}

function refuse(message: string): { readonly ok: false; readonly message: string } {
  return { ok: false, message };
}
