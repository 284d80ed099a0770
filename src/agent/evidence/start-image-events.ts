import { parseImageReference } from "../../core/containerd/image-reference.ts";
import { type ContainerdVersion, traitsOf } from "../../core/containerd/version.ts";
import { createFetchedFinder, type Fetched, type FetchedFinder } from "../../core/evidence/find-fetched.ts";
import { createImageEventReader, type ImageEvent } from "../../core/evidence/read-image-events.ts";
import type { Ports } from "../ports.ts";
import type { EvidenceSink } from "./evidence-sink.ts";
import { createStateTeller, type RunningSource } from "./running-source.ts";

export interface ImageEventsOptions {
  readonly ports: Pick<Ports, "containerd" | "clock" | "log" | "claims">;
  readonly sink: Pick<EvidenceSink, "notice">;
  readonly onState?: (state: ReturnType<RunningSource["state"]>) => void;
}

const MIN_WAIT_MS = 250;
const MAX_WAIT_MS = 15_000;
/** Of events not yet looked at; a pull has four at most. */
const MAX_QUEUED = 4096;

/**
 * Tells each successful CRI pull once, from containerd's image events, with what it fetched. The agent's own pulls are
 * left out. Follows containerd through restarts; what was pulled while it could not listen is not told.
 */
export function startImageEvents({
  ports,
  sink,
  onState = () => undefined,
}: ImageEventsOptions): RunningSource {
  const { containerd, clock, log } = ports;
  const abort = new AbortController();
  const { signal } = abort;
  const finder = createFetchedFinder();
  const state = createStateTeller({ up: false, message: "not connected to containerd yet" }, onState);

  const follow = async (): Promise<string> => {
    const queue = createQueue((lost) =>
      state.set(true, `${lost} image events came too fast and were dropped`),
    );
    const why = await containerd.images.watch(
      {
        onOpen(version) {
          state.set(true, "");
          finder.watchingSince(clock.now());
          const handle = createHandler(version, finder, ports, sink, signal);
          queue.open((event) => handle(event).catch((error: Error) => log.warn({}, error.message)));
        },
        onEvent: queue.add,
      },
      signal,
    );
    await queue.idle();
    return why;
  };
  const run = async (): Promise<void> => {
    let waitMs = MIN_WAIT_MS;
    while (!signal.aborted) {
      const startedMs = clock.uptimeMs();
      const why = await follow();
      if (signal.aborted) return;
      log.debug({ why }, "the stream of image events ended");
      state.set(false, `containerd's image events cannot be followed: ${why}`);
      if (clock.uptimeMs() - startedMs > MAX_WAIT_MS) waitMs = MIN_WAIT_MS;
      await clock.sleep(waitMs, signal).catch(() => undefined);
      waitMs = Math.min(waitMs * 2, MAX_WAIT_MS);
    }
  };
  const running = run();
  return {
    state: state.state,
    async stop() {
      abort.abort(new Error("stopping"));
      await running;
    },
  };
}

type Handler = (event: ImageEvent) => Promise<void>;

function createHandler(
  version: ContainerdVersion | undefined,
  finder: FetchedFinder,
  { containerd, claims }: ImageEventsOptions["ports"],
  sink: ImageEventsOptions["sink"],
  signal: AbortSignal,
): Handler {
  const rewritesImageRecords = version !== undefined && traitsOf(version).rewritesImageRecords;
  const reader = createImageEventReader({ rewritesImageRecords });
  return async (event) => {
    const reference = reader.read(event);
    if (reference === undefined && event.managed) return;
    const content = await containerd.images.content(event.name, signal);
    const known = content === "unusable" ? undefined : content;
    // What others bring, `ctr pull` or an import, came with no pull of CRI: it is found here and told to nobody.
    const found = known === undefined ? undefined : finder.find(known, event.atMs);
    if (reference === undefined) return;
    reader.resolved(reference, known?.target, event.atMs);
    // CRI has refused it after its record was made: containerd's log tells that pull.
    if (content === "unusable") return;
    if (claims?.take(reference, true) !== true) tell(reference, event.atMs, found, sink);
  };
}

function tell(
  reference: string,
  endedMs: number,
  found: Fetched | undefined,
  sink: ImageEventsOptions["sink"],
): void {
  const parsed = parseImageReference(reference);
  if (!parsed.ok) return;
  const { namespace, repository } = parsed.reference;
  sink.notice({
    from: "events",
    registry: namespace,
    repository,
    reference,
    endedMs,
    ok: true,
    ...(found === undefined ? {} : { firstPartMs: found.firstPartMs }),
    ...(found?.fetched === undefined ? {} : { fetched: found.fetched }),
  });
}

/** Handles events one after the other, from the moment it is opened. */
function createQueue(onLost: (lost: number) => void) {
  const waiting: ImageEvent[] = [];
  let handler: Handler | undefined;
  let working: Promise<void> | undefined;
  let lost = 0;
  const work = async (handle: Handler): Promise<void> => {
    for (let event = waiting.shift(); event !== undefined; event = waiting.shift()) await handle(event);
    working = undefined;
  };
  const wake = (): void => {
    if (handler !== undefined && waiting.length > 0) working ??= work(handler);
  };
  return {
    open(handle: Handler) {
      handler = handle;
      wake();
    },
    add(event: ImageEvent) {
      if (waiting.length >= MAX_QUEUED) return onLost(++lost);
      waiting.push(event);
      wake();
    },
    idle: async () => working,
  };
}
