import { isDigest } from "../../core/fleet/bundle.ts";
import { isNodeName } from "../../core/signing/selector.ts";

/** What is kept of a fleet below `/mirrorlet/<fleet>/records/`; servers hold all of it in memory. */
export type RecordKind =
  | "channel"
  | "spec"
  | "state"
  | "tokens"
  | "status"
  | "override"
  | "inventory"
  | "server"
  | "controller";

/** `id`: the name of the channel, of the rollout, of the node, of the feed server; empty for the controller. */
export interface RecordName {
  readonly kind: RecordKind;
  readonly id: string;
}

/** Throws TypeError for what is no name of a fleet. */
export function recordsPrefix(fleet: string): string {
  return `${fleetPrefix(fleet)}records/`;
}

export function keyOf(fleet: string, { kind, id }: RecordName): string {
  return recordsPrefix(fleet) + pathOf(kind, id);
}

/** Apart from the records: they are large, and most of them are not asked for again. */
export function bundlesPrefix(fleet: string): string {
  return `${fleetPrefix(fleet)}bundles/`;
}

export function bundleKey(fleet: string, digest: string): string {
  if (!isDigest(digest)) throw new TypeError(`${JSON.stringify(digest)} is no digest of a bundle`);
  return bundlesPrefix(fleet) + digest;
}

/** Names of rollouts whose records are gone. Nobody keeps these in memory. */
export function pastRolloutsPrefix(fleet: string): string {
  return `${fleetPrefix(fleet)}past-rollouts/`;
}

export function pastRolloutKey(fleet: string, id: string): string {
  return pastRolloutsPrefix(fleet) + id;
}

/** Undefined: a key of somebody else, or of a later version. */
export function nameOf(fleet: string, key: string): RecordName | undefined {
  const prefix = recordsPrefix(fleet);
  const [folder = "", first = "", second = "", ...rest] = key.slice(prefix.length).split("/");
  const found = toName(folder, first, second);
  if (!key.startsWith(prefix) || rest.length > 0 || found === undefined) return undefined;
  return key === keyOf(fleet, found) ? found : undefined;
}

function toName(folder: string, first: string, second: string): RecordName | undefined {
  if (folder === "rollouts") return isRolloutPart(second) ? { kind: second, id: first } : undefined;
  if (folder === "status") return { kind: "status", id: second };
  const kind = FOLDERS.get(folder);
  return kind && { kind, id: first };
}

const FOLDERS: ReadonlyMap<string, RecordKind> = new Map([
  ["channels", "channel"],
  ["overrides", "override"],
  ["inventory", "inventory"],
  ["servers", "server"],
  ["controller", "controller"],
]);

function isRolloutPart(text: string): text is "spec" | "state" | "tokens" {
  return text === "spec" || text === "state" || text === "tokens";
}

function pathOf(kind: RecordKind, id: string): string {
  switch (kind) {
    case "channel":
      return `channels/${id}`;
    case "spec":
    case "state":
    case "tokens":
      return `rollouts/${id}/${kind}`;
    case "status":
      return `status/${shardOf(id)}/${id}`;
    case "override":
      return `overrides/${id}`;
    case "inventory":
      return `inventory/${id}`;
    case "server":
      return `servers/${id}`;
    case "controller":
      return "controller";
    default:
      return kind satisfies never;
  }
}

/** So that somebody can look at a part of them. FNV-1a of 32 bits, folded: each write of a status asks for it several times. */
function shardOf(node: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < node.length; index++)
    hash = Math.imul(hash ^ node.charCodeAt(index), 0x01000193);
  hash ^= hash >>> 16;
  return ((hash ^ (hash >>> 8)) & 15).toString(16);
}

function fleetPrefix(fleet: string): string {
  if (!isNodeName(fleet)) throw new TypeError(`${JSON.stringify(fleet)} is no name of a fleet`);
  return `/mirrorlet/${fleet}/`;
}
