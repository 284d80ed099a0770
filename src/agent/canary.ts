import type { Ports } from "./ports.ts";

/** Canaries pulled before a change of config.toml, to be pulled again after it. */
export interface Baseline {
  /** Those that could be pulled: one that fails already says nothing about the change. */
  readonly works: readonly string[];
  /** Those that were not on the node before and must not stay there because of us. */
  readonly added: readonly string[];
}

const PULL_TIMEOUT_MS = 30_000;

export async function pullBaseline(
  canaries: readonly string[],
  { containerd }: Pick<Ports, "containerd">,
  signal: AbortSignal,
): Promise<Baseline> {
  const works: string[] = [];
  const added: string[] = [];
  for (const image of canaries) {
    const present = await containerd.hasImage(image, signal);
    const pull = await containerd.pullImage(image, PULL_TIMEOUT_MS, signal);
    if (!pull.ok) continue;
    works.push(image);
    if (!present) added.push(image);
  }
  return { works, added };
}

/** Leaves no image behind that was not there. A removal that fails is only reported: it harms no pull. */
export async function removeAdded(
  { added }: Baseline,
  { containerd, log }: Pick<Ports, "containerd" | "log">,
  signal: AbortSignal,
): Promise<void> {
  for (const image of added) {
    const removed = await containerd.removeImage(image, signal);
    if (!removed.ok) log.warn({ image }, `the canary stays in the image store: ${removed.message}`);
  }
}
