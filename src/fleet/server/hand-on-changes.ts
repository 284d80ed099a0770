import type { RecordKind, RecordName } from "../store/record-name.ts";
import type { Chooser } from "./choose-for-node.ts";
import type { NodeDesk } from "./node-desk.ts";
import type { StatusBoard } from "./status-board.ts";
import type { TokenKeeper } from "./token-keeper.ts";

export interface ChangeTakers {
  readonly board: StatusBoard;
  readonly chooser: Chooser;
  readonly tokens: TokenKeeper;
  readonly desk: NodeDesk;
}

/** Records have changed: tells those whom it concerns, and has the nodes looked at that may now be told something else. */
export function handOnChanges(
  changed: readonly RecordName[],
  { board, chooser, tokens, desk }: ChangeTakers,
): void {
  const kinds = new Set<RecordKind>();
  for (const { kind, id } of changed) {
    kinds.add(kind);
    if (kind === "status") {
      board.follow(id);
      desk.onStatus(id);
    } else if (kind === "override" || kind === "inventory") desk.look([id]);
    else if (kind === "tokens") tokens.onChange();
    if (kind !== "status" && kind !== "server" && kind !== "controller") chooser.forget();
  }
  if (kinds.has("spec") || kinds.has("state") || kinds.has("channel")) desk.lookAll();
}
