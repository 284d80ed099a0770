import type { ImageRecord, ImageSelection, ImageStore } from "../agent/evidence/image-store.ts";
import { type Call, CallError, type CallOptions, type Connect } from "./cri-client.ts";
import { type ContentStore, readImageContent } from "./image-content.ts";
import { watchImages } from "./watch-images.ts";

const QUICK_MS = 10_000;

/** containerd's image, content, container and event services, in the namespace that CRI uses. */
export function createImageStore(connect: Connect): ImageStore {
  /** Undefined for whatever goes wrong: the caller can do without. */
  const ask = async <T>(
    signal: AbortSignal,
    use: (call: QuickCall) => Promise<T>,
  ): Promise<T | undefined> => {
    const options: CallOptions = { timeoutMs: QUICK_MS, signal };
    try {
      return await connect((call) => use((method, request) => call(method, request, options)));
    } catch (error) {
      if (error instanceof CallError) return undefined;
      throw error;
    }
  };
  return {
    records: (select, signal) => ask(signal, (call) => listRecords(call, filtersOf(select))),
    areUsed: (names, signal) =>
      ask(signal, async (call) => {
        if (names.length === 0) return false;
        const filters = names.map((name) => `image==${JSON.stringify(name)}`);
        const reply = await call("containerd.services.containers.v1.Containers/List", { filters });
        return (reply as { containers: readonly unknown[] }).containers.length > 0;
      }),
    async deleteRecords(names, signal) {
      try {
        await connect(async (call) => {
          for (const name of names) await deleteRecord(call, name, { timeoutMs: QUICK_MS, signal });
        });
        return { ok: true };
      } catch (error) {
        return { ok: false, message: error instanceof Error ? error.message : String(error) };
      }
    },
    content: (name, signal) =>
      connect((call, listen) => contentOf(name, { call, listen, signal })).catch((error: unknown) => {
        if (error instanceof CallError) return undefined;
        throw error;
      }),
    watch: (watcher, signal) => watchImages(connect, watcher, signal),
  };
}

async function contentOf(name: string, store: ContentStore): ReturnType<ImageStore["content"]> {
  const { call, signal } = store;
  const quick: QuickCall = (method, request) => call(method, request, { timeoutMs: QUICK_MS, signal });
  const [record] = await listRecords(quick, filtersOf({ name }));
  if (record === undefined) return undefined;
  const content = await readImageContent(record.target, store);
  if (content !== undefined) return content;
  // Removed while it was read?
  const [still] = await listRecords(quick, filtersOf({ name }));
  return still?.target === record.target ? "unusable" : undefined;
}

type QuickCall = (method: string, request: object) => Promise<unknown>;

// A quoted value is read by Go's rules for strings, which JSON's fit for what a name may hold.
function filtersOf(select: ImageSelection): readonly string[] {
  if (select === "all") return [];
  if ("name" in select) return [`name==${JSON.stringify(select.name)}`];
  return [`target.digest==${JSON.stringify(select.target)}`];
}

interface Image {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly target: { readonly digest: string } | null;
}

async function listRecords(call: QuickCall, filters: readonly string[]): Promise<readonly ImageRecord[]> {
  const reply = await call("containerd.services.images.v1.Images/List", { filters });
  return (reply as { images: readonly Image[] }).images.map(({ name, labels, target }) => ({
    name,
    target: target?.digest ?? "",
    pinned: labels["io.cri-containerd.pinned"] === "pinned",
  }));
}

async function deleteRecord(call: Call, name: string, options: CallOptions): Promise<void> {
  try {
    await call("containerd.services.images.v1.Images/Delete", { name }, options);
  } catch (error) {
    if (!(error instanceof CallError) || error.code !== "NOT_FOUND") throw error;
  }
}
