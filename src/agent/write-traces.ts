import type { TracesPlace } from "../core/containerd/tracing/traces-place.ts";
import { equalBytes } from "../core/plan/equal-bytes.ts";
import type { TextChange } from "../core/plan/step.ts";
import type { CommandResult, Files, Ports } from "./ports.ts";

type Tools = Pick<Ports, "files" | "containerd">;

/**
 * Writes or removes what switches containerd's traces, all or nothing, and has systemd read it. Done again, it does
 * what is left to do. Never throws: whatever goes wrong here must not keep mirrors from being applied.
 */
export async function writeTraces(changes: readonly TextChange[], tools: Tools): Promise<CommandResult> {
  try {
    for (const change of changes)
      if ((await writeOne(change, tools)) === "theirs")
        throw new Error(`${change.place.path} was changed by somebody else meanwhile`);
    const reloaded = await reload(changes, tools);
    if (!reloaded.ok) throw new Error(reloaded.message);
    return { ok: true };
  } catch (error) {
    const { trouble } = await putTracesBack(changes, tools);
    const message = error instanceof Error ? error.message : String(error);
    return {
      ok: false,
      message: trouble === undefined || trouble === message ? message : `${message}; ${trouble}`,
    };
  }
}

/** The other way round. What somebody else has written there since stays. Never throws. */
export async function putTracesBack(
  changes: readonly TextChange[],
  tools: Tools,
): Promise<{ readonly wrote: boolean; readonly trouble?: string }> {
  let wrote = false;
  try {
    for (const change of changes) if ((await writeOne(reversed(change), tools)) === "written") wrote = true;
    const reloaded = await reload(changes, tools);
    return reloaded.ok ? { wrote } : { wrote, trouble: reloaded.message };
  } catch (error) {
    return { wrote, trouble: error instanceof Error ? error.message : String(error) };
  }
}

/** Whether the files are as they were before, or as they are to be; undefined: neither, or some of both. */
export async function stateOfTraces(
  changes: readonly TextChange[],
  { files }: Pick<Ports, "files">,
): Promise<"before" | "after" | undefined> {
  const found = await Promise.all(changes.map(({ place }) => files.read(place.path)));
  const are = (side: "before" | "after"): boolean =>
    changes.every((change, index) => isText(found[index]?.bytes, change[side]));
  if (are("after")) return "after";
  return are("before") ? "before" : undefined;
}

function reversed({ place, before, after }: TextChange): TextChange {
  return { place, before: after, after: before === after ? undefined : before };
}

async function writeOne(
  { place, before, after }: TextChange,
  { files }: Tools,
): Promise<"written" | "same" | "theirs"> {
  const { path } = place;
  const bytes = (await files.read(path))?.bytes;
  if (isText(bytes, after)) {
    // What a kill, or a write that failed, has left.
    if (after === undefined) await removeDirectoryOf(place, files);
    return "same";
  }
  if (!isText(bytes, before)) return "theirs";
  if (after === undefined) await removeTracesFile(place, files);
  else await files.replace(path, new TextEncoder().encode(after), bytes, 0o644);
  return "written";
}

/** A drop-in goes with its directory where nothing else is in it: an empty one means nothing to systemd. */
export async function removeTracesFile(place: TracesPlace, files: Files): Promise<void> {
  await files.remove([place.path]);
  await removeDirectoryOf(place, files);
}

async function removeDirectoryOf({ path, kind }: TracesPlace, files: Files): Promise<void> {
  if (kind === "drop-in") await files.removeEmptyDirectory(path.slice(0, path.lastIndexOf("/")));
}

function isText(bytes: Uint8Array | undefined, text: string | undefined): boolean {
  if (bytes === undefined || text === undefined) return bytes === text;
  return equalBytes(bytes, new TextEncoder().encode(text));
}

async function reload(changes: readonly TextChange[], { containerd }: Tools): Promise<CommandResult> {
  return changes.some(({ place }) => place.kind === "drop-in") ? containerd.reloadUnits() : { ok: true };
}
