import type { ImageWatcher } from "../agent/evidence/image-store.ts";
import { parseContainerdVersion } from "../core/containerd/version.ts";
import type { ImageEvent } from "../core/evidence/read-image-events.ts";
import { CallError, type Connect } from "./cri-client.ts";

const OPEN_MS = 10_000;

/** Subscribes to containerd's image events; resolves with the reason when the stream ends. Costs nothing while idle. */
export async function watchImages(
  connect: Connect,
  watcher: ImageWatcher,
  signal: AbortSignal,
): Promise<string> {
  try {
    return await connect(async (call, listen) => {
      const stream = new AbortController();
      const both = AbortSignal.any([signal, stream.signal]);
      const events = listen(
        "containerd.services.events.v1.Events/Subscribe",
        { filters: FILTERS },
        (reply) => {
          const event = toImageEvent(reply as Envelope);
          if (event !== undefined) watcher.onEvent(event);
        },
        both,
      );
      // The stream itself stays silent until the first event. An answer on the same connection proves that the
      // subscription before it has arrived.
      const opened = call("runtime.v1.RuntimeService/Version", {}, { timeoutMs: OPEN_MS, signal: both }).then(
        (reply) =>
          watcher.onOpen(parseContainerdVersion((reply as { runtimeVersion: string }).runtimeVersion)),
      );
      try {
        await Promise.all([events, opened]);
      } finally {
        stream.abort();
        await Promise.allSettled([events, opened]);
      }
      return "containerd ended the stream of its events";
    });
  } catch (error) {
    if (error instanceof CallError) return `${error.message} (${error.code})`;
    throw error;
  }
}

const FILTERS = ["create", "update"].map((change) => `namespace==k8s.io,topic=="/images/${change}"`);

interface Envelope {
  readonly timestamp: { readonly seconds: number; readonly nanos: number } | null;
  readonly topic: string;
  readonly event: {
    readonly value: { readonly name: string; readonly labels: Readonly<Record<string, string>> } | null;
  } | null;
}

function toImageEvent({ timestamp, topic, event }: Envelope): ImageEvent | undefined {
  const image = event?.value;
  if (image === undefined || image === null || timestamp === null) return undefined;
  return {
    atMs: timestamp.seconds * 1000 + Math.floor(timestamp.nanos / 1e6),
    name: image.name,
    change: topic === "/images/create" ? "create" : "update",
    managed: image.labels["io.cri-containerd.image"] === "managed",
  };
}
