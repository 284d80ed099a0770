import { type ImageReference, parseImageReference } from "../../core/containerd/image-reference.ts";
import { chooseLeftovers } from "../../core/evidence/choose-leftovers.ts";
import type { Ports } from "../ports.ts";

/** Canaries pulled before a change of config.toml, to be pulled again after it. */
export interface Baseline {
  /** Those that could be pulled: one that fails already says nothing about the change. */
  readonly works: readonly string[];
  readonly leftovers: readonly Leftover[];
}

/** An image that was not on the node before a canary and must not stay there because of it. */
export interface Leftover {
  readonly reference: ImageReference;
  /** Names of all image records before the pull. */
  readonly before: ReadonlySet<string>;
  /** Uptime before the pull. */
  readonly sinceMs: number;
}

type CanaryPorts = Pick<Ports, "containerd" | "clock" | "log" | "claims">;

const PULL_TIMEOUT_MS = 30_000;

export async function pullBaseline(
  canaries: readonly string[],
  ports: CanaryPorts,
  signal: AbortSignal,
): Promise<Baseline> {
  const works: string[] = [];
  const leftovers: Leftover[] = [];
  for (const image of canaries) {
    const leftover = await expectLeftover(image, ports, signal);
    const pull = await ports.containerd.pullImage(image, PULL_TIMEOUT_MS, signal);
    if (pull.ok) works.push(image);
    if (leftover !== undefined) leftovers.push(leftover);
  }
  return { works, leftovers };
}

/** To be asked before the pull. Undefined: the image is there, or containerd cannot tell, and then it stays. */
export async function expectLeftover(
  image: string,
  { containerd, clock }: CanaryPorts,
  signal: AbortSignal,
): Promise<Leftover | undefined> {
  const parsed = parseImageReference(image);
  if (!parsed.ok) return undefined;
  const { reference } = parsed;
  const there = await containerd.images.records({ name: reference.normalized }, signal);
  if (there === undefined || there.length > 0) return undefined;
  const sinceMs = clock.uptimeMs();
  const records = await containerd.images.records("all", signal);
  if (records === undefined) return undefined;
  return { reference, before: new Set(records.map(({ name }) => name)), sinceMs };
}

/**
 * Leaves no image behind that was not there: its own records go and no other, and none of them when somebody has come
 * to need it meanwhile. A removal that fails is only reported: it harms no pull.
 */
export async function removeLeftover(
  { reference, before, sinceMs }: Leftover,
  { containerd, log, claims }: CanaryPorts,
  signal: AbortSignal,
): Promise<void> {
  const image = reference.normalized;
  const { images } = containerd;
  const [own] = (await images.records({ name: image }, signal)) ?? [];
  if (own === undefined) return;
  const records = (await images.records({ target: own.target }, signal)) ?? [];
  const names = chooseLeftovers(
    reference,
    records.map(({ name }) => name),
    before,
  );
  const needed =
    records.some(({ name, pinned }) => pinned && names.includes(name)) ||
    claims?.pulledByOthersSince(image, sinceMs) === true ||
    (await images.areUsed(names, signal)) !== false;
  if (needed) return log.debug({ image }, "the canary stays: it came to be needed meanwhile");
  const removed = await images.deleteRecords(names, signal);
  if (!removed.ok) log.warn({ image }, `the canary stays in the image store: ${removed.message}`);
}
