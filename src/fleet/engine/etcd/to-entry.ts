import type { Entry } from "../engine.ts";
import type { EtcdKeyValue } from "./messages.ts";

export function toEntry({ key, value, createRevision, modRevision }: EtcdKeyValue): Entry {
  return { key: key.toString(), value, createRevision, modRevision };
}
