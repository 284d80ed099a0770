import type { ObservedFile } from "../../agent/ports.ts";
import { receiverIn } from "../../core/containerd/config/edit-traces.ts";
import { decodeText } from "../../core/decode-text.ts";
import { withChange } from "../../core/privilege/change-chain.ts";
import type { StateKeeper } from "./helper-state.ts";

export interface NotedChange {
  readonly path: string;
  readonly current: ObservedFile | undefined;
  /** Undefined: it is removed. */
  readonly bytes: Uint8Array | undefined;
}

/** Before the file is touched: what a rollback, and `restore`, need to know in a place that is root's alone. */
export async function noteChange(
  { path, current, bytes }: NotedChange,
  {
    configPath,
    state,
    sha256,
  }: {
    readonly configPath: string;
    readonly state: StateKeeper;
    readonly sha256: (bytes: Uint8Array) => string;
  },
): Promise<void> {
  const before = current === undefined ? null : sha256(current.bytes);
  const after = bytes === undefined ? null : sha256(bytes);
  const { changes, receivers, first } = await state.load();
  const mode = current === undefined ? {} : { mode: current.mode };
  const change = { before, after, ...mode };
  const named = bytes === undefined ? undefined : receiverIn(decodeText(bytes));
  const isNew =
    path === configPath && named && named !== receiverIn(current ? decodeText(current.bytes) : "");
  await state.update({
    changes: { ...changes, [path]: withChange(changes[path] ?? [], change) },
    ...(first[path] === undefined ? { first: { ...first, [path]: { ...mode, digest: before } } } : {}),
    ...(isNew && !receivers.includes(named) ? { receivers: [...receivers, named].slice(-16) } : {}),
    ...(path.endsWith(".conf") ? { unitsChanged: true } : {}),
  });
}
