import { parseImageReference } from "../../core/containerd/image-reference.ts";
import { cleanText } from "../../core/evidence/clean-text.ts";
import type { PullNotice } from "../../core/evidence/pull.ts";
import type { Containerd, Ports, PullResult } from "../ports.ts";
import { expectLeftover, type Leftover, removeLeftover } from "./canary.ts";
import type { EvidenceSink } from "./evidence-sink.ts";

const PULL_TIMEOUT_MS = 60_000;
const CLEANUP_TIMEOUT_MS = 10_000;
/** Who else pulls the image shows up, and creates a container from it, within this time. */
const SETTLE_MS = 1_000;
/** What a pull that was ended may still do in containerd. */
const ENDED_MS = 100;
/** What a canary that is not on the node may move on average: one of 100 MiB is pulled twice an hour. */
const MAX_BYTES_PER_S = 64 * 1024;

export interface CanaryPorts {
  readonly ports: Pick<Ports, "containerd" | "clock" | "log" | "claims">;
  readonly sink: Pick<EvidenceSink, "notice">;
}

export interface Tried {
  /** The next one not before that. */
  readonly waitMs: number;
  /** Why it says nothing about mirrors. */
  readonly trouble?: string;
}

/** Pulls an image, tells how that ended, and leaves nothing behind. Once aborted it tells nothing. */
export async function tryCanary(
  image: string,
  { ports, sink }: CanaryPorts,
  signal: AbortSignal,
): Promise<Tried> {
  const { containerd, clock } = ports;
  const leftover = await expectLeftover(image, ports, signal);
  const instance = await containerd.instance();
  const startedMs = clock.now();
  const pull = await containerd.pullImage(image, PULL_TIMEOUT_MS, signal);
  const endedMs = clock.now();
  try {
    if (signal.aborted) return { waitMs: 0 };
    const trouble = pull.ok ? undefined : await findTrouble(containerd, instance, signal);
    if (trouble !== undefined) return { waitMs: 0, trouble };
    const moved = pull.ok ? await findMoved(image, startedMs, containerd, signal) : undefined;
    const notice = noticeOf(image, startedMs, endedMs, pull);
    if (notice !== undefined && !signal.aborted) sink.notice({ ...notice, ...moved?.notice });
    return { waitMs: ((moved?.bytes ?? 0) / MAX_BYTES_PER_S) * 1000 };
  } finally {
    if (leftover !== undefined) await cleanUp(leftover, ports, signal);
  }
}

async function cleanUp(leftover: Leftover, ports: CanaryPorts["ports"], signal: AbortSignal): Promise<void> {
  await ports.clock.sleep(SETTLE_MS, signal).catch(() => ports.clock.sleep(ENDED_MS));
  await removeLeftover(leftover, ports, AbortSignal.timeout(CLEANUP_TIMEOUT_MS));
}

/** A pull that failed because containerd was restarted or is not there says nothing about mirrors. */
async function findTrouble(
  containerd: Containerd,
  before: string | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const after = await containerd.instance();
  if (after !== undefined && after !== before) return "containerd was restarted while a canary was pulled";
  const { reachable, message } = await containerd.health(signal);
  return reachable ? undefined : `containerd does not answer: ${message ?? "no reason given"}`;
}

async function findMoved(image: string, startedMs: number, { images }: Containerd, signal: AbortSignal) {
  const parsed = parseImageReference(image);
  const content = parsed.ok ? await images.content(parsed.reference.normalized, signal) : undefined;
  if (content === undefined || content === "unusable") return undefined;
  const fresh = content.objects.filter(({ createdMs }) => createdMs >= startedMs);
  const fetched = fresh.map(({ digest, kind }) => ({ digest, kind }));
  return {
    bytes: fresh.reduce((sum, { bytes }) => sum + bytes, 0),
    notice: content.complete ? { fetched } : {},
  };
}

function noticeOf(
  image: string,
  startedMs: number,
  endedMs: number,
  pull: PullResult,
): PullNotice | undefined {
  const parsed = parseImageReference(image);
  if (!parsed.ok) return undefined;
  const { namespace, repository, normalized } = parsed.reference;
  return {
    from: "canary",
    registry: namespace,
    repository,
    reference: normalized,
    startedMs,
    endedMs,
    ok: pull.ok,
    ...(pull.ok ? {} : { error: cleanText(pull.message) }),
  };
}
