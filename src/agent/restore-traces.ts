import { tracesPlaceOf } from "../core/containerd/tracing/traces-place.ts";
import { isOwned } from "../core/file-tree.ts";
import type { ApplyRecord } from "./apply-record.ts";
import type { PassContext } from "./pass-context.ts";
import { removeTracesFile } from "./write-traces.ts";

export interface TracesRestored {
  /** A line each. */
  readonly done: readonly string[];
  /** Why systemd has not read that the drop-in is gone. */
  readonly trouble?: string;
}

const UNREAD =
  "the drop-in for traces is gone, but systemd was not told to read that: it would also have read what else has changed in containerd's unit. Look at that, then run systemctl daemon-reload and restart containerd";

/** Removes the files of ours that switch containerd's traces on. */
export async function restoreTraces(
  { traces, pendingRestart }: ApplyRecord,
  { ports, config, mayRestart }: Pick<PassContext, "ports" | "config" | "mayRestart">,
): Promise<TracesRestored> {
  const { files, containerd } = ports;
  const pending = (pendingRestart?.traces?.files ?? []).map(({ place }) => place);
  const places = [tracesPlaceOf(config.containerd), traces, ...pending]
    .filter((at) => at !== undefined)
    .filter(({ kind }) => kind !== "config");
  const kinds = new Map(places.map(({ path, kind }) => [path, kind]));
  const done: string[] = [];
  const isUnread = await containerd.unitAwaitsReload();
  let isDropIn = false;
  for (const [path, kind] of kinds) {
    const file = await files.read(path);
    if (file === undefined || !isOwned(file.bytes)) continue;
    await removeTracesFile({ path, kind }, files);
    done.push(`remove ${path}`);
    isDropIn ||= kind === "drop-in";
  }
  if (isDropIn && isUnread) return { done, trouble: UNREAD };
  const reloaded = isDropIn ? await containerd.reloadUnits() : { ok: true as const };
  // A node that is not to be restarted may be an image, without a systemd to speak to.
  if (reloaded.ok || !mayRestart) return { done };
  return { done, trouble: `systemd has not read that a drop-in is gone: ${reloaded.message}` };
}
